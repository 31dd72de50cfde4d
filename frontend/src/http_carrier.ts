import { type Carrier, type Picture, Refusal } from "./carrier";
import type { Queue, VideoJob } from "./job";

export class LoginNeeded extends Refusal {
  constructor() {
    super("Log in to see your videos.");
  }
}

export interface Filters {
  status: string;
  q: string;
}

/** The server's own HTTP: JSON under `/api`, files under `/jobs`. */
export class HttpCarrier implements Carrier {
  async jobs(filters: Filters, limit: number): Promise<VideoJob[]> {
    const given = Object.entries({ ...filters, limit: String(limit) }).filter(([, value]) => value !== "");
    return (await ask<{ jobs: VideoJob[] }>(`/api/jobs?${new URLSearchParams(given)}`)).jobs;
  }

  job(id: string): Promise<VideoJob> {
    return ask(`/api/jobs/${encodeURIComponent(id)}`);
  }

  refine(id: string, instruction: string): Promise<VideoJob> {
    return ask(`/api/jobs/${encodeURIComponent(id)}/refine`, { instruction });
  }

  animate(id: string, candidate: number): Promise<VideoJob> {
    return ask(`/api/jobs/${encodeURIComponent(id)}/animate`, { candidate });
  }

  cancel(id: string): Promise<VideoJob> {
    return ask(`/api/jobs/${encodeURIComponent(id)}/cancel`, {});
  }

  queue(): Promise<Queue> {
    return ask("/api/queue");
  }

  pause(): Promise<Queue> {
    return ask("/api/queue/pause", {});
  }

  resume(): Promise<Queue> {
    return ask("/api/queue/resume", {});
  }

  putFirst(id: string): Promise<Queue> {
    return ask(`/api/jobs/${encodeURIComponent(id)}/priority`, {});
  }

  async address(id: string, file: Picture | "video"): Promise<string> {
    return fileOf(id, file === "video" ? "video.mp4" : file);
  }

  report(id: string): string {
    return fileOf(id, "report.html");
  }

  attachment(id: string, label: string): string {
    return fileOf(id, `attachments/${encodeURIComponent(label)}.jpg`);
  }
}

export function fileOf(id: string, file: string): string {
  return `/jobs/${encodeURIComponent(id)}/${file}`;
}

/** The answer to a GET, or to a POST where there is a body. */
async function ask<Answer>(address: string, body?: object): Promise<Answer> {
  const posted = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(address, body ? posted : {}).catch(() => {
    throw new Refusal("The server does not answer; it may have been stopped.");
  });
  if (response.status === 401) throw new LoginNeeded();
  const answer: unknown = await response.json().catch(() => ({}));
  if (response.ok) return answer as Answer;
  const told = (answer as { error?: unknown }).error;
  throw new Refusal(typeof told === "string" ? told : `The server answered ${response.status}.`);
}
