import { about } from "./figures";
import { unfinished, type VideoJob } from "./job";

interface ProgressProps {
  job: VideoJob;
  fault: string | null;
  busy: boolean;
  cancel(): void;
}

/** How far a job is. The stage alone is read aloud: every step would never let a reader speak. */
export function Progress({ job, fault, busy, cancel }: ProgressProps) {
  const goesOn = unfinished(job);
  return (
    <>
      <p class="unseen" role="status">{spoken(job)}</p>
      {goesOn && (
        <section class="progress" aria-label="Progress">
          <div class="row">
            <p>
              <strong>{job.message}</strong>
              {job.estimate_seconds !== null && <span class="small"> {about(job.estimate_seconds)} to go</span>}
            </p>
            <button type="button" class="quiet" aria-disabled={busy} onClick={cancel}>Cancel</button>
          </div>
          <progress
            aria-label={job.doing || job.message}
            {...(job.total > 0 ? { max: job.total, value: job.done } : {})}
          />
          {fault && <p class="fault" role="alert">{fault} It is asked for again.</p>}
        </section>
      )}
    </>
  );
}

function spoken(job: VideoJob): string {
  if (job.status === "queued") return "The video waits for its turn.";
  if (job.status === "running") return job.doing;
  if (job.awaits === "candidate") return "The first frames are ready to choose from.";
  if (job.status === "completed") return "The video is ready.";
  return job.message;
}
