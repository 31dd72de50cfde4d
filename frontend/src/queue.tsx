import { useRef } from "preact/hooks";

import { about } from "./figures";
import { useDeed } from "./hooks";
import type { HttpCarrier } from "./http_carrier";
import type { Queue, QueuedJob } from "./job";

interface QueuePanelProps {
  queue: Queue;
  carrier: HttpCarrier;
  /** Seconds that each job still takes, as far as they are known. */
  estimates: ReadonlyMap<string, number | null>;
  /** The queue after a change. */
  show(queue: Queue): void;
}

/** What runs and what waits, in order; nothing where no job waits and none is kept from beginning. */
export function QueuePanel({ queue, carrier, estimates, show }: QueuePanelProps) {
  const { busy, fault, run } = useDeed();
  const heading = useRef<HTMLHeadingElement>(null);
  const waiting = queue.jobs.filter((job) => job.status === "queued");
  const change = (changed: () => Promise<Queue>): void => run(async () => show(await changed()));
  const putFirst = (id: string): void =>
    run(async () => {
      show(await carrier.putFirst(id));
      heading.current?.focus(); // the first has no button that could keep the focus
    });
  return (
    <>
      <p class="unseen" role="status">{spoken(queue, waiting)}</p>
      {(queue.paused || waiting.length > 0) && (
        <section class="queue" aria-labelledby="queue">
          <div class="row">
            <h2 id="queue" ref={heading} tabIndex={-1}>Queue</h2>
            <button
              type="button"
              class={queue.paused ? "" : "quiet"}
              aria-disabled={busy}
              onClick={() => change(() => (queue.paused ? carrier.resume() : carrier.pause()))}
            >
              {queue.paused ? "Resume" : "Pause"}
            </button>
          </div>
          {queue.paused && <p class="box weak">{PAUSED}</p>}
          {fault && <p class="fault" role="alert">{fault}</p>}
          <ol>
            {queue.jobs.map((job) => (
              <Row
                key={job.job_id}
                job={job}
                place={1 + waiting.indexOf(job)}
                estimate={estimates.get(job.job_id) ?? null}
                busy={busy}
                putFirst={putFirst}
              />
            ))}
          </ol>
          {queue.unfinished > queue.jobs.length && (
            <p class="small">Further jobs: {queue.unfinished - queue.jobs.length}</p>
          )}
        </section>
      )}
    </>
  );
}

const PAUSED = "The queue is paused: nothing that waits begins until it is resumed. What runs goes on.";

interface RowProps {
  job: QueuedJob;
  /** From 1 among those that wait; 0 of one that runs. */
  place: number;
  estimate: number | null;
  busy: boolean;
  putFirst(id: string): void;
}

function Row({ job, place, estimate, busy, putFirst }: RowProps) {
  const told = [
    place === 0 ? "runs" : `waits, place ${place}`,
    ...(estimate === null ? [] : [`${about(estimate)} to go`]),
    ...(job.priority === 0 ? [] : [`priority ${job.priority}`]),
  ];
  return (
    <li>
      <div>
        <a href={`#/jobs/${job.job_id}`}>{job.prompt}</a>
        <p class="small">{told.join(", ")}</p>
      </div>
      {place > 1 && (
        <button
          type="button"
          class="quiet"
          aria-label={`Run first: ${job.prompt}`}
          aria-disabled={busy}
          onClick={() => putFirst(job.job_id)}
        >
          Run first
        </button>
      )}
    </li>
  );
}

function spoken(queue: Queue, waiting: readonly QueuedJob[]): string {
  if (queue.paused) return PAUSED;
  const next = waiting[0];
  return next ? `The queue is running. Next: ${next.prompt}` : "";
}
