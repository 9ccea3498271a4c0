// An app in TypeScript that uses the package, and mistakes that its types must find.

import { CallError, EyelineClient } from "eyeline-client";
import { CaptionList } from "eyeline-client/captions.js";
import { Inputs } from "eyeline-client/inputs/inputs.js";

const client = new EyelineClient();
const captions = new CaptionList();
const inputs = new Inputs({ picture: { kind: "address", address: "https://example.org/clip.mp4" } });

client.addEventListener("caption", ({ detail }) => {
  captions.apply(detail);
  const words: string[] = detail.words.map((word) => word.text);
  // @ts-expect-error: a caption has a text
  return [words, detail.txt];
});
client.addEventListener("state", ({ detail: { state } }) => {
  if (state === "reconnecting") return;
  // @ts-expect-error: there is no such state
  if (state === "paused") return;
});
// @ts-expect-error: there is no such event
client.addEventListener("captoin", () => {});
inputs.addEventListener("track", ({ detail: { kind, track } }) => client.replace(kind, track));

export async function start(): Promise<string> {
  try {
    await inputs.open();
    await client.connect({ stream: inputs.stream, url: "https://eyeline.example", key: "ek_secret" });
  } catch (error) {
    if (error instanceof CallError) return `${error.status}: ${error.message}`;
    throw error;
  }
  // @ts-expect-error: a question is a text
  client.ask(42);
  return client.ask("What do you see?", { spoken: true });
}
