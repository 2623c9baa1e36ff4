// A page that uses @symblai/symbl-web-sdk. Its functions are called by client.js; each returns what its listeners received.

import { LINEAR16AudioStream, OpusAudioStream, Symbl } from '@symblai/symbl-web-sdk';

const EVENTS = [
  'connected', 'conversation_created', 'started_listening', 'processing_started', 'speech_recognition', 'message', 'question',
  'action_item', 'follow_up', 'topic', 'tracker', 'session_modified', 'processing_stopped', 'conversation_completed', 'disconnected',
];

const sleep = (seconds) => Symbl.wait(seconds * 1000);

async function until(predicate, what, seconds = 20) {
  const end = performance.now() + seconds * 1000;
  while (!predicate()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(0.02);
  }
}

function newSymbl({ appId, appSecret, engineUrl, reconnectOnError }) {
  return new Symbl({ appId, appSecret, basePath: engineUrl, logLevel: 'error', reconnectOnError });
}

/** A connection. An engine that is busy refuses it (429), and then the SDK's promise is never settled: this tries again. */
async function connect(settings, audioStream) {
  for (let attempt = 0; attempt < 12; attempt += 1) {
    const connecting = newSymbl(settings).createConnection(settings.sessionId, audioStream);
    const connection = await Promise.race([connecting, sleep(5)]);
    if (connection) return connection;
  }
  throw new Error('the engine did not take the connection');
}

/** Keeps what arrives, by event. Subscribers are not told of every event. */
function listen(connection) {
  const received = {};
  for (const name of EVENTS) {
    connection.on(name, (data) => { (received[name] ||= []).push(data instanceof Event ? null : JSON.parse(JSON.stringify(data))); });
  }
  return received;
}

const count = (received, name) => (received[name] || []).length;
const said = (received) => (received.message || []).flat();

function request({ config = {}, ...more }, { trackers, speaker }) {
  return {
    insightTypes: ['question', 'action_item', 'follow_up'],
    config: { meetingTitle: 'Conformance', confidenceThreshold: 0.5, languageCode: 'en-US', ...config },
    trackers,
    speaker,
    ...more,
  };
}

/** A source of an ordinary audio graph: a file that was decoded, or silence. */
async function sourceNode(url, sampleRate) {
  const context = new AudioContext({ sampleRate });
  const destination = context.createMediaStreamDestination();
  let play = () => {};
  if (url) {
    const player = context.createBufferSource();
    player.buffer = await context.decodeAudioData(await (await fetch(url)).arrayBuffer());
    player.connect(destination);
    play = () => player.start();
  }
  return { source: context.createMediaStreamSource(destination.stream), play };
}

/** Stops, waits for what is still to come, and closes. */
async function finish(connection, received, settings) {
  await connection.stopProcessing();
  await until(() => count(received, 'conversation_completed'), 'conversation_completed', settings.patience);
  await connection.disconnect();
  return { received, conversationId: connection.getConversationId(), sessionId: connection.getSessionId() };
}

window.wrongCredentials = async (settings) => {
  try {
    await newSymbl(settings).init();
  } catch (error) {
    return error.message;
  }
  return null;
};

/** What the microphone hears, with the rate of the device. */
window.fromMicrophone = async (settings) => {
  const connection = await connect(settings);
  const received = listen(connection);
  await connection.startProcessing(request({ config: { encoding: 'LINEAR16' } }, settings));
  await sleep(settings.seconds + 1);
  return finish(connection, received, settings);
};

/** What an audio graph of the page plays, as Opus. The encoder is served by the page: the vendor's host need not exist. */
window.fromGraphAsOpus = async (settings) => {
  const { source, play } = await sourceNode('/call.wav', 48000);
  const stream = new OpusAudioStream(source, {
    encoderComplexity: 6,
    encoderFrameSize: 20,
    encoderSampleRate: 48000,
    maxFramesPerPage: 40,
    numberOfChannels: 1,
    rawOpus: true,
    streamPages: true,
    encoderPath: `${location.origin}/encoder.js`,
  });
  const connection = await connect(settings, stream);
  const received = listen(connection);
  await connection.startProcessing(request({ config: { encoding: 'OPUS', sampleRateHertz: 48000 } }, settings));
  play();
  await sleep(settings.seconds + 1);
  return finish(connection, received, settings);
};

/** A silent microphone, and audio that the page itself sends. */
async function startSilently(settings, more = {}) {
  const { source } = await sourceNode(null, 16000);
  const connection = await connect(settings, new LINEAR16AudioStream(source));
  const received = listen(connection);
  await connection.startProcessing(request({ config: { encoding: 'LINEAR16', sampleRateHertz: 16000 }, ...more }, settings));
  return { connection, received };
}

async function say(connection, ends, from, to) {
  const audio = await (await fetch('/coded.pcm')).arrayBuffer();
  for (let at = from; at < to; at += 1) {
    connection.sendAudio(audio.slice(at ? ends[at - 1] : 0, ends[at]));
    await sleep(0.01);
  }
}

window.fromPage = async (settings) => {
  const { connection, received } = await startSilently(settings);
  await say(connection, settings.ends, 0, 4);
  await until(() => said(received).length === 4, 'the first messages');
  connection.modifySampleRate(8000);
  // The first event comes from the SDK itself, the second from the server.
  await until(() => count(received, 'session_modified') === 2, 'session_modified from the server');
  await say(connection, settings.ends, 4, settings.ends.length);
  return finish(connection, received, settings);
};

window.stopAndResume = async (settings) => {
  const waiting = { disconnectOnStopRequest: false, disconnectOnStopRequestTimeout: 60 };
  const { connection, received } = await startSilently(settings, waiting);
  await say(connection, settings.ends, 0, 4);
  await connection.stopProcessing();
  await until(() => count(received, 'processing_stopped') === 1, 'processing_stopped');
  await connection.startProcessing();
  await say(connection, settings.ends, 4, settings.ends.length);
  await connection.stopProcessing();
  await until(() => count(received, 'processing_stopped') === 2, 'processing_stopped again');
  await connection.disconnect();
  return { received };
};

window.reconnect = async (settings) => {
  const { connection, received } = await startSilently({ ...settings, reconnectOnError: true }, { noConnectionTimeout: 60 });
  await say(connection, settings.ends, 0, 4);
  await until(() => said(received).length === 4, 'the first messages');
  await window.cutNetwork();
  await until(() => count(received, 'processing_started') === 2, 'processing_started after the cut');
  await say(connection, settings.ends, 4, settings.ends.length);
  return finish(connection, received, settings);
};

window.subscribe = async (settings) => {
  const connection = await newSymbl(settings).subscribeToConnection(settings.sessionId);
  const received = listen(connection);
  window.subscribed = true;
  await until(() => count(received, 'conversation_completed'), 'conversation_completed of the subscriber', settings.patience);
  connection.disconnect();
  return { received };
};
