import type { VideoJob } from "./job";

/** How the page reaches the server: through the MCP host that shows it, or by HTTP. Each call may throw `Refusal`. */
export interface Carrier {
  job(id: string): Promise<VideoJob>;
  refine(id: string, instruction: string): Promise<VideoJob>;
  animate(id: string, candidate: number): Promise<VideoJob>;
  cancel(id: string): Promise<VideoJob>;
  /** What an `img` or a `video` can have as its source. */
  address(id: string, file: Picture | "video"): Promise<string>;
  /** The page that tells everything, where a browser can open it. */
  report?(id: string): string;
  /** What shows why a job failed, by its label. */
  attachment?(id: string, label: string): string;
  /** Put the video where the user keeps files, where this page can. */
  save?(job: VideoJob): Promise<void>;
}

export type Picture = "contact_sheet.jpg" | `candidates/${number}.jpg`;

/** What cannot be, in a sentence for the user. */
export class Refusal extends Error {}

export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
