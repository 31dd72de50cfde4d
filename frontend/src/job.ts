/** A job as the server tells it: `VideoJob` of `agent/serving/results.py`. */

export type Status = "queued" | "running" | "completed" | "failed" | "cancelled";

export interface Candidate {
  /** From 1, through all attempts. */
  number: number;
  attempt: number;
  /** Null where no face was found. */
  similarity: number | null;
  passed: boolean;
  /** Why it did not pass, where it did not. */
  fault: string | null;
  chosen: boolean;
  spatial_prompt: string;
}

export interface Point {
  frame: number;
  second: number;
  /** Null where the frame shows no face. */
  similarity: number | null;
}

export interface Delivered {
  folder: string;
  video: string;
  first_frame: string | null;
  contact_sheet: string;
  report: string;
  page: string;
  preset: string;
  sketch: boolean;
  recogniser: string;
  first_frame_similarity: number | null;
  first_frame_passed: boolean | null;
  attempts: number;
  identity_skip: number | null;
  identity_zero: number;
  face_rate: number;
  seconds: number;
  width: number;
  height: number;
  seed: number;
  warnings: string[];
  curve: Point[];
  /** Similarity from which a frame is well held, by this recogniser. */
  good_from: number | null;
  temporal_prompt: string;
  spatial_prompt: string | null;
}

/** What a job made that stopped before the video, for its candidates to be chosen from. */
export interface FirstFrames {
  folder: string;
  sketch: boolean;
  temporal_prompt: string;
  warnings: string[];
}

export interface JobError {
  message: string;
  /** The files that help to mend it, by what they are: `numbered_faces`, `best_first_frame`. */
  attachments: Record<string, string>;
}

export interface VideoJob {
  job_id: string;
  status: Status;
  message: string;
  doing: string;
  done: number;
  total: number;
  prompt: string;
  parent: string | null;
  siblings: string[];
  understood: string;
  /** Seconds since 1970. */
  created: number;
  estimate_seconds: number | null;
  candidates: Candidate[];
  awaits: "candidate" | null;
  first_frames: FirstFrames | null;
  result: Delivered | null;
  error: JobError | null;
  video_uri: string | null;
  question: string | null;
}

/** A job in the queue: `QueuedJob` of `agent/queue.py`. */
export interface QueuedJob {
  job_id: string;
  status: Status;
  priority: number;
  /** Its beginning. */
  prompt: string;
}

/** The unfinished jobs, in the order in which they run: `Queue` of `agent/queue.py`. */
export interface Queue {
  paused: boolean;
  /** How many there are; `jobs` has the first of them. */
  unfinished: number;
  jobs: QueuedJob[];
}

/** The job that a call with these arguments has begun, or looks at; `jobs` are the newest first. */
export function begunBy(given: Record<string, unknown>, jobs: readonly VideoJob[]): VideoJob | undefined {
  const prompt = typeof given.prompt === "string" ? given.prompt.trim().replace(/\s+/g, " ") : null;
  return jobs.filter(unfinished).find((job) =>
    prompt === null ? given.job_id === job.parent || given.job_id === job.job_id : job.prompt === prompt,
  );
}

export function isJob(value: unknown): value is VideoJob {
  return typeof value === "object" && value !== null && "job_id" in value && "status" in value;
}

export function unfinished(job: VideoJob): boolean {
  return job.status === "queued" || job.status === "running";
}
