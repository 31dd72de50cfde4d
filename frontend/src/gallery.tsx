import "./style.css";

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { sentence } from "./carrier";
import { second, similarity } from "./figures";
import { watching } from "./hooks";
import { fileOf, HttpCarrier, LoginNeeded } from "./http_carrier";
import { type Queue, unfinished, type VideoJob } from "./job";
import { Panel } from "./panel";
import { QueuePanel } from "./queue";

const MOST = 100;
const LOOK = 4000;
/** Milliseconds between two looks at the list. */

const STATUSES = ["queued", "running", "completed", "failed", "cancelled"];
const carrier = new HttpCarrier();

function Gallery() {
  const [opened, setOpened] = useState(jobInAddress);
  useEffect(() => {
    const follow = (): void => setOpened(jobInAddress());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => scrollTo(0, 0), [opened]);
  return (
    <>
      <nav class="brand">
        <a href="#/"><strong>Steadface</strong></a>
        {opened && <a href="#/">All videos</a>}
      </nav>
      <main>{opened ? <OneJob key={opened} id={opened} /> : <AllJobs />}</main>
    </>
  );
}

function jobInAddress(): string | null {
  const found = /^#\/jobs\/([\w-]+)$/.exec(location.hash);
  return found?.[1] ?? null;
}

function OneJob({ id }: { id: string }) {
  const [job, setJob] = useState<VideoJob | null>(null);
  const [fault, setFault] = useState<unknown>(null);
  useEffect(() => {
    carrier.job(id).then(setJob, setFault);
  }, [id]);
  const show = (next: VideoJob): void => {
    if (next.job_id === id) setJob(next);
    else location.hash = `#/jobs/${next.job_id}`;
  };
  if (job) return <Panel job={job} carrier={carrier} show={show} />;
  return fault ? <Fault error={fault} /> : <p role="status">One moment…</p>;
}

function AllJobs() {
  const [status, setStatus] = useState("");
  const [preset, setPreset] = useState("");
  const [words, setWords] = useState("");
  const [jobs, setJobs] = useState<VideoJob[] | null>(null);
  const [queue, setQueue] = useState<Queue>({ paused: false, unfinished: 0, jobs: [] });
  const [fault, setFault] = useState<unknown>(null);
  useEffect(() => {
    let current = true;
    const stop = watching(async () => {
      try {
        const [found, waiting] = await Promise.all([carrier.jobs({ status, q: words.trim() }, MOST), carrier.queue()]);
        if (!current) return;
        setJobs(found);
        setQueue(waiting);
        setFault(null);
      } catch (error) {
        if (current) setFault(error);
      }
    }, LOOK);
    return () => {
      current = false;
      stop();
    };
  }, [status, words]);

  const presets = [...new Set((jobs ?? []).flatMap((job) => job.result?.preset ?? []))].sort();
  const estimates = new Map((jobs ?? []).map((job) => [job.job_id, job.estimate_seconds]));
  const shown = (jobs ?? []).filter((job) => !preset || job.result?.preset === preset);
  return (
    <>
      <h1>Videos</h1>
      <QueuePanel queue={queue} carrier={carrier} estimates={estimates} show={setQueue} />
      <div class="filters" role="search">
        <label>
          Words
          <input type="search" value={words} onInput={(event) => setWords(event.currentTarget.value)} />
        </label>
        <Choice name="Status" all="all" options={STATUSES} value={status} choose={setStatus} />
        <Choice name="Preset" all="all" options={presets} value={preset} choose={setPreset} />
      </div>
      {fault !== null && <Fault error={fault} />}
      <p class="small" role="status">{jobs && counted(shown.length, Boolean(status || preset || words))}</p>
      <ul class="cards">{shown.map((job) => <Card key={job.job_id} job={job} />)}</ul>
    </>
  );
}

interface ChoiceProps {
  name: string;
  all: string;
  options: readonly string[];
  value: string;
  choose(value: string): void;
}

function Choice({ name, all, options, value, choose }: ChoiceProps) {
  return (
    <label>
      {name}
      <select value={value} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">{all}</option>
        {options.map((option) => <option key={option} value={option}>{option}</option>)}
      </select>
    </label>
  );
}

function Card({ job }: { job: VideoJob }) {
  const candidate = job.candidates.find((one) => one.chosen) ?? job.candidates[0];
  const file = candidate ? `candidates/${candidate.number}.jpg` : job.result && "contact_sheet.jpg";
  const result = job.result;
  const told = result ? `similarity ${similarity(result.identity_skip)}, ${second(result.seconds)}` : message(job);
  return (
    <li>
      <a class="card" href={`#/jobs/${job.job_id}`}>
        {file ? <img src={fileOf(job.job_id, file)} alt="" loading="lazy" /> : <span class="blank" />}
        <span class="words">{job.prompt}</span>
        {told && <span class="small">{told}</span>}
        {unfinished(job) && (
          <progress aria-label={job.message} {...(job.total > 0 ? { max: job.total, value: job.done } : {})} />
        )}
        <span class="small">
          {job.status}, {new Date(1000 * job.created).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}
        </span>
      </a>
    </li>
  );
}

/** What the status does not say yet. */
function message(job: VideoJob): string | null {
  return job.message === job.status ? null : job.message;
}

function counted(count: number, filtered: boolean): string {
  if (count > 0) return count === 1 ? "1 job" : `${count} jobs`;
  return filtered ? "No job is like that." : "There are no videos yet: ask your assistant, or run steadface generate.";
}

function Fault({ error }: { error: unknown }) {
  return (
    <p class="box weak" role="alert">
      {sentence(error)} {error instanceof LoginNeeded && <a href="/login">Log in</a>}
    </p>
  );
}

render(<Gallery />, document.getElementById("page")!);
