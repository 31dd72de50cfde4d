import type { Carrier, Picture } from "./carrier";
import { similarity } from "./figures";
import { useAddress } from "./hooks";
import type { Candidate, VideoJob } from "./job";

interface CandidatesProps {
  job: VideoJob;
  carrier: Carrier;
  busy: boolean;
  animate(number: number): void;
}

/** Every first frame that was painted, with what was measured; a click makes the video from it. */
export function Candidates({ job, carrier, busy, animate }: CandidatesProps) {
  if (job.candidates.length === 0) return null;
  return (
    <section aria-labelledby="candidates">
      <h2 id="candidates">First frames</h2>
      <p class="small">
        {job.awaits === "candidate"
          ? "Choose the one that the video shall be made from."
          : "A click on another one makes a video from it."}
      </p>
      <ol class={`candidates ${job.awaits === "candidate" ? "large" : ""}`}>
        {job.candidates.map((candidate) => (
          <li key={candidate.number}>
            <Choice {...{ job, carrier, candidate, busy, animate }} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Choice({ job, carrier, candidate, busy, animate }: CandidatesProps & { candidate: Candidate }) {
  const { number, passed, chosen } = candidate;
  const { address, fault } = useAddress(carrier, job.job_id, `candidates/${number}.jpg` as Picture);
  const choice = job.awaits === "candidate" ? "suggested" : "chosen";
  const verdict = passed ? "passed" : "did not pass";
  const score = candidate.similarity === null ? "no face" : `similarity ${similarity(candidate.similarity)}`;
  return (
    <button
      type="button"
      class={`candidate ${chosen ? "chosen" : ""}`}
      aria-label={`Make the video from candidate ${number}: ${score}, ${verdict}${chosen ? `, ${choice}` : ""}`}
      aria-disabled={busy}
      title={candidate.spatial_prompt}
      onClick={() => animate(number)}
    >
      {address ? <img src={address} alt="" /> : <span class="blank">{fault ? "no picture" : ""}</span>}
      <span class="score">
        <span class="number">{number}</span>
        <strong>{similarity(candidate.similarity)}</strong>
        <span class={`chip ${passed ? "good" : "weak"}`}>{verdict}</span>
      </span>
      {candidate.fault && <span class="small">{candidate.fault}</span>}
      {chosen && <span class="chip note">{choice}</span>}
    </button>
  );
}
