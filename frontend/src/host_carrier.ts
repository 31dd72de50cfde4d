import { type Carrier, type Picture, Refusal } from "./carrier";
import type { Host, ToolResult } from "./host";
import { isJob, type VideoJob } from "./job";

interface Contents {
  contents: { mimeType?: string; blob?: string }[];
}

export interface Wish {
  reference: string;
  prompt: string;
  consent: string;
  stop_after?: "first_frame";
}

/** The server as an MCP host passes it on: its tools, and its resources as `data:` addresses. */
export class HostCarrier implements Carrier {
  readonly #host: Host;
  readonly #read = new Map<string, Promise<string>>();
  readonly save?: (job: VideoJob) => Promise<void>;

  constructor(host: Host) {
    this.#host = host;
    if (host.capabilities.downloadFile) this.save = (job) => this.#download(job);
  }

  /** The newest jobs, the newest first. */
  async jobs(): Promise<VideoJob[]> {
    const result = await this.#host.ask<ToolResult>("tools/call", { name: "list_video_jobs", arguments: { limit: 5 } });
    const told = result.structuredContent as { jobs?: VideoJob[] } | undefined;
    return told?.jobs ?? [];
  }

  job(id: string): Promise<VideoJob> {
    return this.#call("get_video_job", { job_id: id, wait_seconds: 0 });
  }

  generate(wish: Wish): Promise<VideoJob> {
    return this.#do("started a video", "generate_identity_video", { ...wish, wait_seconds: 0 });
  }

  refine(id: string, instruction: string): Promise<VideoJob> {
    const asked = { job_id: id, instruction, wait_seconds: 0 };
    return this.#do(`asked for a change of job ${id}`, "refine_identity_video", asked);
  }

  animate(id: string, candidate: number): Promise<VideoJob> {
    const asked = { job_id: id, candidate, wait_seconds: 0 };
    return this.#do(`chose candidate ${candidate} of job ${id}`, "animate_first_frame", asked);
  }

  cancel(id: string): Promise<VideoJob> {
    return this.#do(`cancelled job ${id}`, "cancel_video_job", { job_id: id });
  }

  address(id: string, file: Picture | "video"): Promise<string> {
    const uri = `steadface://jobs/${id}/${file === "video" ? "preview.mp4" : file}`;
    const known = this.#read.get(uri);
    if (known) return known;
    const reading = this.#resource(uri);
    this.#read.set(uri, reading);
    reading.catch(() => this.#read.delete(uri)); // so that it is asked for again
    return reading;
  }

  async #resource(uri: string): Promise<string> {
    const { contents } = await this.#host.ask<Contents>("resources/read", { uri });
    const first = contents[0];
    if (!first?.blob) throw new Refusal(`${uri} is empty.`);
    return `data:${first.mimeType ?? "application/octet-stream"};base64,${first.blob}`;
  }

  async #call(name: string, given: object): Promise<VideoJob> {
    const result = await this.#host.ask<ToolResult>("tools/call", { name, arguments: given });
    if (isJob(result.structuredContent)) return result.structuredContent;
    throw new Refusal(textOf(result) || `${name} gave no answer.`);
  }

  /** A call that changes something; the model is told what the user did here. */
  async #do(deed: string, name: string, given: object): Promise<VideoJob> {
    const job = await this.#call(name, given);
    if (this.#host.capabilities.updateModelContext) {
      const text = `In the player the user ${deed}. Job ${job.job_id} is ${job.status}.`;
      this.#host.ask("ui/update-model-context", { content: [{ type: "text", text }] }).catch(() => undefined);
    }
    return job;
  }

  async #download(job: VideoJob): Promise<void> {
    const link = { type: "resource_link", uri: job.video_uri, name: "video.mp4", mimeType: "video/mp4" };
    const answer = await this.#host.ask<{ isError?: boolean }>("ui/download-file", { contents: [link] });
    if (answer.isError) throw new Refusal("The video was not saved.");
  }
}

export function textOf(result: ToolResult): string {
  return (result.content ?? []).map((block) => block.text ?? "").join("\n").trim();
}
