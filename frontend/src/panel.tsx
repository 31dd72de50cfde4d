import { useEffect, useRef } from "preact/hooks";

import { Candidates } from "./candidates";
import type { Carrier } from "./carrier";
import { Details } from "./details";
import { Evidence } from "./evidence";
import { Film } from "./film";
import { useDeed, useNews } from "./hooks";
import type { VideoJob } from "./job";
import { Progress } from "./progress";
import { Refine } from "./refine";

interface PanelProps {
  job: VideoJob;
  carrier: Carrier;
  /** News of this job, or another job to show in its place. */
  show(job: VideoJob): void;
}

/** All of one job: the video first, the evidence beside it, then what can be done with it. */
export function Panel({ job, carrier, show }: PanelProps) {
  const { busy, fault, run } = useDeed();
  const silence = useNews(carrier, job, show);
  const open = (id: string): void => run(async () => show(await carrier.job(id)));
  const made = job.result ?? job.first_frames;
  return (
    <article class="panel">
      <Heading job={job} open={open} />
      <Progress
        job={job}
        fault={silence}
        busy={busy}
        cancel={() => run(async () => show(await carrier.cancel(job.job_id)))}
      />
      {fault && <p class="fault" role="alert">{fault}</p>}
      {job.error && <p class="box weak" role="alert">{job.error.message}</p>}
      <Attachments job={job} carrier={carrier} />
      <div class="watch">
        <Film job={job} carrier={carrier} />
        {made && (
          <div>
            {job.result && <Evidence result={job.result} />}
            <Warnings warnings={made.warnings} />
          </div>
        )}
      </div>
      <Candidates
        job={job}
        carrier={carrier}
        busy={busy}
        animate={(number) => run(async () => show(await carrier.animate(job.job_id, number)))}
      />
      <Refine key={job.job_id} job={job} carrier={carrier} show={show} />
      {(made || job.candidates.length > 0) && <Details job={job} carrier={carrier} />}
    </article>
  );
}

function Warnings({ warnings }: { warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <ul class="box weak" aria-label="Warnings">
      {warnings.map((warning) => <li key={warning}>{warning}</li>)}
    </ul>
  );
}

/** The pictures that show why the job failed, where the page can have them by an address. */
function Attachments({ job, carrier }: { job: VideoJob; carrier: Carrier }) {
  const labels = carrier.attachment ? Object.keys(job.error?.attachments ?? {}) : [];
  return (
    <>
      {labels.map((label) => (
        <figure key={label} class="attachment">
          <img src={carrier.attachment?.(job.job_id, label)} alt="" />
          <figcaption class="small">{label.replaceAll("_", " ")}</figcaption>
        </figure>
      ))}
    </>
  );
}

function Heading({ job, open }: { job: VideoJob; open(id: string): void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const shown = useRef(job.job_id);
  useEffect(() => {
    if (shown.current !== job.job_id) heading.current?.focus(); // what had the focus may be gone
    shown.current = job.job_id;
  }, [job.job_id]);
  return (
    <header>
      <p class="row tags">
        <span class={`chip ${TONES[job.status]}`}>{job.status}</span>
        {(job.result ?? job.first_frames)?.sketch && <span class="chip note">preview: a sketch</span>}
        {job.parent && <Other id={job.parent} open={open}>Back to the video before</Other>}
        {job.siblings.map((id, place) => (
          <Other key={id} id={id} open={open}>Other version {place + 1}</Other>
        ))}
      </p>
      <h1 ref={heading} tabIndex={-1} class={job.prompt.length > 140 ? "long" : ""}>{job.prompt}</h1>
      {job.understood && <p class="understood">{job.understood}</p>}
    </header>
  );
}

const TONES = { queued: "note", running: "note", completed: "good", failed: "weak", cancelled: "weak" };

function Other({ id, open, children }: { id: string; open(id: string): void; children: preact.ComponentChildren }) {
  return (
    <button type="button" class="link" onClick={() => open(id)}>
      {children}
    </button>
  );
}
