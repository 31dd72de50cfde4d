import type { Carrier } from "./carrier";
import { useAddress, useDeed } from "./hooks";
import type { VideoJob } from "./job";

/** What was asked, how it was split, and where everything lies. */
export function Details({ job, carrier }: { job: VideoJob; carrier: Carrier }) {
  const result = job.result;
  const sheet = useAddress(carrier, job.job_id, result && "contact_sheet.jpg").address;
  const { busy, fault, run } = useDeed();
  const spatial = result?.spatial_prompt ?? job.candidates.find((candidate) => candidate.chosen)?.spatial_prompt;
  return (
    <section class="details" aria-labelledby="details">
      <h2 id="details">How it was made</h2>
      <dl class="prompts">
        <Prompt name="Asked" text={job.prompt} />
        <Prompt name="First frame (spatial prompt)" text={spatial} />
        <Prompt name="Video (temporal prompt)" text={(result ?? job.first_frames)?.temporal_prompt} />
      </dl>
      {sheet && (
        <figure>
          <img src={sheet} alt="Frames of the video, each with its similarity under it" />
        </figure>
      )}
      {result && (
        <>
          <dl class="facts">
            <Fact name="Video" value={result.video} />
            <Fact name="Report" value={result.page} />
            <Fact
              name="Format"
              value={`${result.seconds.toFixed(1)} s, ${result.width} × ${result.height}, preset ${result.preset}, seed ${result.seed}`}
            />
            <Fact name="Job" value={job.job_id} />
          </dl>
          <p class="row">
            {carrier.report && <a href={carrier.report(job.job_id)} target="_blank" rel="noopener">The whole report</a>}
            {carrier.save && (
              <button type="button" class="quiet" aria-disabled={busy} onClick={() => run(() => carrier.save!(job))}>
                Save the video
              </button>
            )}
          </p>
          {fault && <p class="fault" role="alert">{fault}</p>}
        </>
      )}
    </section>
  );
}

function Prompt({ name, text }: { name: string; text: string | null | undefined }) {
  if (!text) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
