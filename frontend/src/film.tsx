import { useEffect, useRef, useState } from "preact/hooks";

import type { Carrier, Picture } from "./carrier";
import { Curve } from "./curve";
import { useAddress } from "./hooks";
import type { Candidate, Delivered, VideoJob } from "./job";

/** The video with its similarity over time under it; while it is made, the first frame. */
export function Film({ job, carrier }: { job: VideoJob; carrier: Carrier }) {
  const best = job.awaits === null ? bestOf(job.candidates) : null;
  const still = useAddress(carrier, job.job_id, best && (`candidates/${best.number}.jpg` as Picture)).address;
  if (job.result) return <Screen key={job.job_id} job={job} result={job.result} carrier={carrier} still={still} />;
  if (still && best) {
    return (
      <figure class="screen">
        <img src={still} alt={`First frame, candidate ${best.number}, of: ${job.prompt}`} />
        <figcaption class="small">{best.chosen ? "The first frame of the video." : "The best first frame so far."}</figcaption>
      </figure>
    );
  }
  return null;
}

interface ScreenProps {
  job: VideoJob;
  result: Delivered;
  carrier: Carrier;
  still: string | null;
}

function Screen({ job, result, carrier, still }: ScreenProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [now, setNow] = useState(0);
  const [unplayable, setUnplayable] = useState(false);
  const film = useAddress(carrier, job.job_id, "video");
  const broken = film.fault ?? (unplayable ? "This video cannot be played here." : null);

  useEffect(() => setUnplayable(false), [film.address]);
  const seek = (to: number): void => {
    setNow(to);
    if (!video.current) return;
    video.current.pause();
    video.current.currentTime = to;
  };

  return (
    <div class="screen">
      {broken ? (
        <p class="box weak" role="alert">{broken} The file: {result.video}</p>
      ) : (
        <video
          ref={video}
          src={film.address ?? undefined}
          poster={still ?? undefined}
          style={{ aspectRatio: `${result.width} / ${result.height}` }}
          aria-label={`Video: ${job.prompt}`}
          controls
          loop
          playsInline
          onTimeUpdate={() => video.current && setNow(video.current.currentTime)}
          onError={() => setUnplayable(true)}
        />
      )}
      {result.curve.length > 0 && <Curve result={result} now={now} seek={seek} />}
    </div>
  );
}

function bestOf(candidates: readonly Candidate[]): Candidate | null {
  const likeness = (candidate: Candidate): number => candidate.similarity ?? -1;
  const alike = [...candidates].sort((a, b) => likeness(b) - likeness(a));
  return candidates.find((candidate) => candidate.chosen) ?? alike[0] ?? null;
}
