import { useState } from "preact/hooks";

import type { Wish } from "./host_carrier";
import { useDeed } from "./hooks";
import { smallPhoto } from "./photo";

const BASES = [
  ["self", "It is me"],
  ["written", "They agreed in writing"],
  ["licensed", "A licence or the public domain allows it"],
  ["synthetic", "It is no real person"],
] as const;

/** Where a video begins: a photo from this device, a sentence, and on what basis the likeness is used. */
export function Studio({ make }: { make(wish: Wish): Promise<void> }) {
  const [photo, setPhoto] = useState<string | null>(null);
  const [prompt, setPrompt] = useState("");
  const [consent, setConsent] = useState<string | null>(null);
  const [choosing, setChoosing] = useState(false);
  const { busy, fault, run } = useDeed();
  const missing = [!photo && "a photo", !prompt.trim() && "a sentence", !consent && "the consent"].filter(Boolean);

  const take = (file: File | undefined): void => {
    if (!file) return;
    setPhoto(null);
    run(async () => setPhoto(await smallPhoto(file)));
  };
  const start = (): void => {
    if (!photo || !prompt.trim() || !consent) return;
    const wish = { reference: photo, prompt: prompt.trim(), consent };
    run(() => make(choosing ? { ...wish, stop_after: "first_frame" } : wish));
  };

  return (
    <article class="studio">
      <header>
        <h1>A video of one person</h1>
        <p class="small">One photo and one sentence; the photo goes to your Steadface server and nowhere else.</p>
      </header>
      <div class="field">
        <label for="photo">Photo of the person</label>
        <input
          id="photo"
          type="file"
          accept="image/*"
          onChange={(event) => take(event.currentTarget.files?.[0])}
        />
        {photo && <img class="photo" src={photo} alt="The photo that you chose" />}
      </div>
      <div class="field">
        <label for="prompt">What do they do, and where?</label>
        <textarea
          id="prompt"
          rows={3}
          maxLength={4000}
          value={prompt}
          placeholder="A woman in a yellow raincoat walks along the beach at dusk and smiles."
          onInput={(event) => setPrompt(event.currentTarget.value)}
        />
      </div>
      <fieldset>
        <legend>On what basis do you use this likeness?</legend>
        {BASES.map(([basis, words]) => (
          <label key={basis} class="choice">
            <input
              type="radio"
              name="consent"
              value={basis}
              checked={consent === basis}
              onChange={() => setConsent(basis)}
            />
            {words}
          </label>
        ))}
      </fieldset>
      <label class="choice">
        <input type="checkbox" checked={choosing} onChange={(event) => setChoosing(event.currentTarget.checked)} />
        Show me the first frames before the video is made
      </label>
      <div class="row">
        <button type="button" aria-disabled={busy || missing.length > 0} aria-describedby="missing" onClick={start}>
          {busy ? "One moment…" : "Make the video"}
        </button>
        <span id="missing" class="small">{missing.length > 0 && `Still missing: ${missing.join(", ")}.`}</span>
      </div>
      {fault && <p class="fault" role="alert">{fault}</p>}
    </article>
  );
}
