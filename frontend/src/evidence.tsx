import { percent, similarity } from "./figures";
import type { Delivered } from "./job";

/** What was measured on the delivered video. */
export function Evidence({ result }: { result: Delivered }) {
  const weak = result.good_from !== null && (result.identity_skip ?? -1) < result.good_from;
  return (
    <section class="evidence" aria-label="Evidence">
      <dl>
        <div class={`lead ${weak ? "weak" : ""}`}>
          <dt>Identity similarity</dt>
          <dd>{similarity(result.identity_skip)}</dd>
          <dd class="small">mean of the frames that show a face, by {result.recogniser}</dd>
        </div>
        {result.first_frame !== null && (
          <Figure name="First frame" value={similarity(result.first_frame_similarity)}>
            {result.first_frame_passed ? "passed the gate" : "did not pass the gate"} after {attempts(result.attempts)}
          </Figure>
        )}
        <Figure name="With faceless frames as 0" value={similarity(result.identity_zero)} />
        <Figure name="Frames that show a face" value={percent(result.face_rate)} />
      </dl>
    </section>
  );
}

function Figure({ name, value, children }: { name: string; value: string; children?: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      {children && <dd class="small">{children}</dd>}
    </div>
  );
}

function attempts(count: number): string {
  return count === 1 ? "1 attempt" : `${count} attempts`;
}
