import { useRef } from "preact/hooks";

import { second, similarity } from "./figures";
import type { Delivered, Point } from "./job";

interface CurveProps {
  result: Delivered;
  /** Seconds into the video. */
  now: number;
  seek(second: number): void;
}

/** The similarity over time. A point that is pointed at, or reached by the arrow keys, is where the video goes. */
export function Curve({ result, now, seek }: CurveProps) {
  const plot = useRef<SVGSVGElement>(null);
  const { curve, good_from: goodFrom } = result;
  const lowest = Math.min(0, ...curve.map((point) => point.similarity ?? 0));
  const x = (point: Point): number => (100 * point.second) / Math.max(result.seconds, 0.001);
  const y = (value: number): number => (100 * (1 - value)) / (1 - lowest);
  const here = nearest(curve, now);
  const point = curve[here];
  if (!point) return null;

  const follow = (event: PointerEvent): void => {
    const box = plot.current?.getBoundingClientRect();
    if (!box) return;
    const place = nearest(curve, ((event.clientX - box.left) / box.width) * result.seconds);
    if (place !== here || now !== curve[place]?.second) go(place);
  };
  const go = (place: number): void => {
    const to = curve[Math.min(Math.max(place, 0), curve.length - 1)];
    if (to) seek(to.second);
  };
  const press = (event: KeyboardEvent): void => {
    const places: Record<string, number> = {
      ArrowLeft: here - 1,
      ArrowDown: here - 1,
      ArrowRight: here + 1,
      ArrowUp: here + 1,
      Home: 0,
      End: curve.length - 1,
    };
    const to = places[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  };

  return (
    <figure class="curve">
      <figcaption>
        <span>Similarity over time{goodFrom !== null && `, well held from ${similarity(goodFrom)}`}</span>
        <span class={`reading ${tone(point, goodFrom)}`}>{reading(point)}</span>
      </figcaption>
      <div
        class="plot"
        role="slider"
        tabIndex={0}
        aria-label="Similarity over time"
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={curve.length - 1}
        aria-valuenow={here}
        aria-valuetext={reading(point) + verdict(point, goodFrom)}
        onKeyDown={press}
        onPointerMove={follow}
        onPointerDown={follow}
      >
        <svg ref={plot} aria-hidden="true">
          {goodFrom !== null && <rect class="zone" x="0" width="100%" y="0" height={`${y(goodFrom)}%`} />}
          {curve.map((at, place) => at.similarity === null && <Gap key={place} curve={curve} place={place} x={x} />)}
          {goodFrom !== null && <line class="asked" x1="0" x2="100%" y1={`${y(goodFrom)}%`} y2={`${y(goodFrom)}%`} />}
          <line class="here" x1={`${x(point)}%`} x2={`${x(point)}%`} y1="0" y2="100%" />
          {curve.map((to, place) => {
            const from = curve[place - 1];
            if (!from || from.similarity === null || to.similarity === null) return null;
            const ends = { x1: `${x(from)}%`, y1: `${y(from.similarity)}%`, x2: `${x(to)}%`, y2: `${y(to.similarity)}%` };
            return <line key={place} class="line" {...ends} />;
          })}
          {curve.map(
            (at, place) =>
              at.similarity !== null && (
                <circle
                  key={place}
                  class={tone(at, goodFrom)}
                  cx={`${x(at)}%`}
                  cy={`${y(at.similarity)}%`}
                  r={place === here ? 6 : 3.5}
                />
              ),
          )}
        </svg>
        <span class="tick">{similarity(lowest)}</span>
      </div>
    </figure>
  );
}

/** A stretch without a face: from half way to the point before, to half way to the next. */
function Gap({ curve, place, x }: { curve: readonly Point[]; place: number; x(point: Point): number }) {
  const [before, at, after] = [curve[place - 1], curve[place], curve[place + 1]];
  if (!at) return null;
  const left = before ? (x(before) + x(at)) / 2 : 0;
  const right = after ? (x(after) + x(at)) / 2 : 100;
  return <rect class="gap" x={`${left}%`} width={`${right - left}%`} y="0" height="100%" />;
}

function nearest(curve: readonly Point[], to: number): number {
  let best = 0;
  curve.forEach((point, place) => {
    if (Math.abs(point.second - to) < Math.abs((curve[best]?.second ?? 0) - to)) best = place;
  });
  return best;
}

function reading(point: Point): string {
  return `${second(point.second)}: ${similarity(point.similarity)}`;
}

function tone(point: Point, goodFrom: number | null): string {
  if (goodFrom === null) return "";
  return point.similarity !== null && point.similarity >= goodFrom ? "good" : "weak";
}

function verdict(point: Point, goodFrom: number | null): string {
  if (point.similarity === null || goodFrom === null) return "";
  return point.similarity >= goodFrom ? ", well held" : ", less alike than it should be";
}
