// What an app does with the Agents SDK, unmodified: each case opens a session of its own, and
// returns what the app saw. `sdk` is the package; `where` says how to reach the service.

const object = (properties) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: true,
});
const numbers = object({ a: { type: "number" }, b: { type: "number" } });

// The functions of the app; `ran` notes their calls, and `held` is a promise that `slow` waits for.
const toolsOf = (sdk, ran, held) => {
  const tool = (name, parameters, execute) =>
    sdk.tool({ name, description: `${name}s`, parameters, strict: false, execute });
  return [
    tool("add", numbers, ({ a, b }) => (ran.push(["add", a, b]), `${a + b}`)),
    tool("slow", object({}), async () => (ran.push(["slow"]), await held.promise, "slept")),
    tool("broken", object({}), () => {
      ran.push(["broken"]);
      throw new Error("no such luck");
    }),
  ];
};

const transportOf = (sdk, where, microphone) => {
  if (where.transport === "websocket") {
    return new sdk.OpenAIRealtimeWebSocket({ url: `${where.ws}/v1/realtime` });
  }
  const mediaStream = microphone?.stream; // if none is given, the SDK asks the browser for one
  return new sdk.OpenAIRealtimeWebRTC({ baseUrl: `${where.http}/v1/realtime/calls`, mediaStream });
};

// An app with a session: `seen` has every event of the service, `until` waits for one to come.
class App {
  constructor(sdk, where, options = {}) {
    this.ran = [];
    this.errors = [];
    this.seen = [];
    this.waiting = [];
    this.held = Promise.withResolvers();
    const { agent = {}, handoffs = [], microphone, ...session } = options;
    const tools = toolsOf(sdk, this.ran, this.held);
    this.agent = new sdk.RealtimeAgent({
      name: "Guide",
      instructions: "Be brief.",
      tools,
      handoffs,
      ...agent,
    });
    const transport = transportOf(sdk, where, microphone);
    this.session = new sdk.RealtimeSession(this.agent, { transport, model: "eyeline", ...session });
    this.session.on("transport_event", (event) => this.note(event));
    this.session.on("error", ({ error }) => this.errors.push(String(error?.message ?? JSON.stringify(error))));
  }

  note(event) {
    this.seen.push(event);
    this.waiting = this.waiting.filter(({ wanted, resolve }) => !(wanted(event) && (resolve(event), true)));
  }

  // Wait for an event that comes after this call.
  until(type, wanted = () => true) {
    const { promise, resolve } = Promise.withResolvers();
    this.waiting.push({ wanted: (event) => event.type === type && wanted(event), resolve });
    return promise;
  }

  async open(where) {
    const ready = this.until("session.updated");
    await this.session.connect({ apiKey: where.key, model: "eyeline" });
    await ready;
    return this;
  }

  // Send a message; return the text of the response that ends with one.
  async ask(text) {
    const said = this.answer();
    this.session.sendMessage(text);
    return said;
  }

  async answer() {
    const message = ({ response }) => response.output.some((item) => item.type === "message");
    const { response } = await this.until("response.done", message);
    const [content] = response.output.find((item) => item.type === "message").content;
    return content.transcript ?? content.text;
  }

  // Let the model count; wait until that is heard.
  async count() {
    const heard = ["response.output_audio.delta", "output_audio_buffer.started"];
    const begun = heard.map((type) => this.until(type));
    this.session.sendMessage("count");
    await Promise.race(begun);
  }

  close(result) {
    const history = this.session.history.map((item) =>
      item.type === "message" ? [item.role, item.status ?? ""] : [item.name, item.output],
    );
    this.session.close();
    return { ran: this.ran, errors: this.errors, history, ...result };
  }
}

const open = (sdk, where, options) => new App(sdk, where, options).open(where);

// A microphone that is silent until it `speaks`.
const makeMicrophone = () => {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 220 });
  const volume = new GainNode(context, { gain: 0 });
  const sink = new MediaStreamAudioDestinationNode(context);
  tone.connect(volume).connect(sink);
  tone.start();
  const speak = (loud) => (volume.gain.value = loud ? 0.5 : 0);
  return { stream: sink.stream, speak };
};

const pcm = (seconds, volume) =>
  Int16Array.from({ length: 24_000 * seconds }, (_, n) => volume * Math.sin(n / 17)).buffer;

export const cases = {
  async functions(sdk, where) {
    const app = await open(sdk, where);
    return app.close({ said: [await app.ask("add 2 and 40"), await app.ask("add 1 and 1")] });
  },

  async parallel_calls(sdk, where) {
    const app = await open(sdk, where);
    const called = app.until("response.done");
    const added = app.until("conversation.item.done", ({ item }) => item.output === "42");
    const said = app.ask("do both");
    const { output } = (await called).response;
    await added;
    const first = await said; // a response for each output: the last has both
    const last = app.answer();
    app.held.resolve();
    return app.close({ calls: output.length, said: [first, await last] });
  },

  async a_function_that_fails(sdk, where) {
    const app = await open(sdk, where);
    return app.close({ said: await app.ask("break") });
  },

  async instructions_and_tool_choice(sdk, where) {
    const config = { toolChoice: "required", outputModalities: ["text"] };
    const app = await open(sdk, where, { config });
    return app.close({ said: await app.ask("hello") });
  },

  async a_handoff_to_another_agent(sdk, where) {
    const other = new sdk.RealtimeAgent({ name: "Expert", instructions: "Know all." });
    const app = await open(sdk, where, { handoffs: [other] });
    const said = await app.ask("transfer to Expert");
    return app.close({ said, agent: app.session.currentAgent.name });
  },

  async interruption(sdk, where) {
    const app = await open(sdk, where);
    await app.count();
    const done = app.until("response.done");
    app.session.interrupt();
    const { status } = (await done).response;
    return app.close({ status, said: await app.ask("hello") });
  },

  async interruption_by_speech(sdk, where) {
    const microphone = where.transport === "webrtc" ? makeMicrophone() : undefined;
    const app = await open(sdk, where, { microphone });
    await app.count();
    const done = app.until("response.done");
    const said = app.answer();
    const stopped = app.until("input_audio_buffer.speech_stopped");
    if (microphone) {
      microphone.speak(true);
      await done;
      microphone.speak(false);
    } else {
      app.session.sendAudio(pcm(1, 9000));
      app.session.sendAudio(pcm(1, 0));
    }
    const { status, status_details } = (await done).response;
    await stopped;
    return app.close({ status, reason: status_details.reason, said: await said });
  },

  async a_question_while_a_function_runs(sdk, where) {
    const app = await open(sdk, where);
    const called = app.until("response.done");
    app.session.sendMessage("sleep");
    await called;
    const between = await app.ask("hello");
    const last = app.answer();
    app.held.resolve();
    return app.close({ between, said: await last });
  },

  // With a model that is not scripted: what it says is its own affair.
  async a_conversation(sdk, where) {
    const app = await open(sdk, where, { config: { outputModalities: ["text"] } });
    const said = [await app.ask("Say hello."), await app.ask("Which number is next to four?")];
    return app.close({ said });
  },
};

export const run = (sdk, name, where) => cases[name](sdk, where);

// Run several cases one after another; one that fails gives its error.
export const runAll = async (sdk, names, where) => {
  const results = {};
  for (const name of names) {
    results[name] = await run(sdk, name, where).catch((error) => ({ error: error.stack }));
  }
  return results;
};
