'use strict';
// @symblai/symbl-js as its users use it, against the engine.

const fs = require('node:fs');
const { randomUUID } = require('node:crypto');
const { sdk } = require('@symblai/symbl-js');
const { version } = require('@symblai/symbl-js/package.json');
const { openProxy } = require('./proxy');
const { run, sleep, until, within } = require('./scenario');

const { ENGINE_URL, SPEECH_ENGINE_URL, APP_ID, APP_SECRET, CODED_PCM, CALL_PCM, EXPECTED } = process.env;
const { speaker, coded, call } = JSON.parse(fs.readFileSync(EXPECTED, 'utf8'));
const codedAudio = fs.readFileSync(CODED_PCM);
const callAudio = fs.readFileSync(CALL_PCM);

const HANDLERS = [
  'onSpeechDetected', 'onMessageResponse', 'onInsightResponse', 'onTrackerResponse', 'onTopicResponse', 'onDataReceived',
  'onStartedListening', 'onRequestStart', 'onRequestStop', 'onConversationCompleted', 'onClose',
];
const PIECE_BYTES = 3200;
// Recognition of real speech takes a while on a busy machine.
const SPEECH_SECONDS = 75;

function options(more = {}) {
  return {
    id: randomUUID(),
    insightTypes: ['question', 'action_item', 'follow_up', 'topic'],
    config: { meetingTitle: 'Conformance', confidenceThreshold: 0.5, languageCode: 'en-US', sampleRateHertz: 16000 },
    trackers: coded.trackers,
    speaker,
    ...more,
  };
}

/** Sends the utterances from one number to before another. */
async function say(connection, from = 0, to = coded.utterances.length) {
  await send(connection, codedAudio.subarray(from ? coded.utterance_ends[from - 1] : 0, coded.utterance_ends[to - 1]));
}

async function send(connection, audio) {
  for (let at = 0; at < audio.length; at += PIECE_BYTES) {
    connection.sendAudio(audio.subarray(at, at + PIECE_BYTES));
    await sleep(0.002);
  }
}

const contents = (responses) => responses.flat().map((message) => message.payload.content);
const finals = (results) => results.filter((each) => each.isFinal).map((each) => each.punctuated.transcript);
const insights = (responses, type) => responses.flat().filter((each) => each.type === type).map((each) => each.payload.content);
const topics = (responses) => responses.flat().map((each) => each.phrases);
const ofType = (frames, type) => frames.filter((each) => each.type === type || (each.message && each.message.type === type));
const conversationIds = (frames) => ofType(frames, 'conversation_created').map((each) => each.message.data.conversationId);

function matches(responses) {
  const found = {};
  for (const { name, matches: each } of responses.flatMap((response) => response.trackers)) {
    found[name] = [...new Set([...(found[name] || []), ...each.map((match) => match.value)])].sort();
  }
  return found;
}

/** What a whole conversation must have told the handlers. */
function checkAll(scenario) {
  scenario.same('final transcripts in order', finals(scenario.all('onSpeechDetected')), coded.utterances);
  scenario.check('interim results', scenario.all('onSpeechDetected').some((each) => !each.isFinal));
  scenario.same('messages in order', contents(scenario.all('onMessageResponse')), coded.messages);
  const said = scenario.all('onMessageResponse').flat();
  scenario.same('messages name the speaker', [...new Set(said.map((each) => each.from.userId))], [speaker.userId]);
  scenario.same('message ids are unique', new Set(said.map((each) => each.id)).size, coded.messages.length);
  const heard = scenario.all('onInsightResponse');
  scenario.same('questions', insights(heard, 'question'), coded.questions);
  scenario.same('action items', insights(heard, 'action_item'), coded.action_items);
  scenario.same('follow-ups', insights(heard, 'follow_up'), coded.follow_ups);
  scenario.same('trackers', matches(scenario.all('onTrackerResponse')), coded.tracker_matches);
  scenario.includes('topics', topics(scenario.all('onTopicResponse')), coded.topics);
}

/** An SDK that reconnects would try for ever, without a pause, if the proxy went before the connection was closed in order. */
async function closeQuietly(proxy) {
  await until(() => proxy.open() === 0, 'an orderly close');
  proxy.close();
}

async function badCredentials(scenario) {
  const wrong = sdk.init({ appId: APP_ID, appSecret: APP_SECRET.split('').reverse().join(''), basePath: ENGINE_URL, tlsAuth: true });
  const refused = await within(wrong.then(() => null, (error) => error), 'init with a wrong secret');
  scenario.check('init rejects', refused !== null);
  scenario.check('it says that the credentials are not valid', refused && /not valid/.test(refused.message));
}

async function goodCredentials(scenario) {
  await within(sdk.init({ appId: APP_ID, appSecret: APP_SECRET, basePath: ENGINE_URL, tlsAuth: true }), 'init');
  scenario.check('init resolves with a token', typeof sdk.oauth2.activeToken === 'string');
  scenario.check('the token lives for a day', sdk.oauth2.expiresIn > 80000);
}

async function startRealtimeRequest(scenario) {
  const connection = await within(
    sdk.startRealtimeRequest(options({ handlers: scenario.handlersFor(...HANDLERS) })), 'startRealtimeRequest');
  scenario.check('the conversation id has 16 digits', /^\d{16}$/.test(connection.conversationId));
  await say(connection);
  const completed = await within(connection.stop(), 'stop');
  scenario.same('stop resolves with the completion', completed.conversationId, connection.conversationId);
  await until(() => scenario.handlers.onClose && scenario.handlers.onConversationCompleted, 'onClose and onConversationCompleted');
  checkAll(scenario);
  for (const name of HANDLERS) scenario.check(`${name} was called`, scenario.handlers[name]);
  const types = scenario.all('onDataReceived').map((each) => (each.type === 'message' ? each.message.type : each.type));
  scenario.same('order of the beginning', types.slice(0, 3), ['conversation_created', 'started_listening', 'recognition_started']);
  // The SDK has deleted the type of the completion before its handlers see it.
  scenario.same('the completion is the last message', types.indexOf(undefined), types.length - 1);
  scenario.same('closed with 1000', scenario.all('onClose').map((each) => each.code), [1000]);
}

async function insist(start, what, attempts = 6) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await within(start(), what, 10);
    } catch (error) {
      if (attempt === attempts) throw error;
    }
  }
}

async function recordedCall(scenario) {
  // An engine that is busy refuses the connection (429), and then the SDK's promise is never settled.
  const connection = await insist(
    () => sdk.startRealtimeRequest(options({ basePath: SPEECH_ENGINE_URL, handlers: scenario.handlersFor(...HANDLERS) })), 'start');
  await send(connection, callAudio);
  await within(connection.stop(), 'stop', SPEECH_SECONDS);
  await until(() => scenario.handlers.onClose, 'onClose');
  const words = contents(scenario.all('onMessageResponse')).join(' ').toLowerCase().match(/[a-z']+/g) || [];
  scenario.includes('the words of the call', words, call.must_hear);
  scenario.check('word times within the call', scenario.all('onMessageResponse').flat().every(
    ({ duration }) => duration.timeOffset >= 0 && duration.timeOffset + duration.duration <= call.seconds + 0.5));
}

async function createStream(scenario) {
  const stream = await within(sdk.createStream(options({
    disconnectOnStopRequest: false, disconnectOnStopRequestTimeout: 60, handlers: scenario.handlersFor(...HANDLERS),
  })), 'createStream');
  await within(stream.start(), 'start');
  const conversationId = await within(stream.conversationId, 'conversation id');
  await say(stream, 0, 4);
  await within(stream.stop(), 'stop');
  await sleep(0.3);
  scenario.check('the socket stays open after stop', !scenario.handlers.onClose);
  scenario.check('the conversation goes on after stop', !scenario.handlers.onConversationCompleted);
  await within(stream.start(), 'start again');
  await say(stream, 4);
  await within(stream.stop(), 'stop again');
  await until(() => contents(scenario.all('onMessageResponse')).length === coded.messages.length, 'all messages');
  stream.close();
  scenario.same('one conversation', [...new Set(conversationIds(scenario.all('onDataReceived')))], [conversationId]);
  scenario.same('two starts', scenario.handlers.onRequestStart, 2);
  scenario.same('messages in order', contents(scenario.all('onMessageResponse')), coded.messages);
  scenario.same('final transcripts in order', finals(scenario.all('onSpeechDetected')), coded.utterances);
}

async function createStreamToTheEnd(scenario) {
  const stream = await within(sdk.createStream(options({ handlers: scenario.handlersFor(...HANDLERS) })), 'createStream');
  await within(stream.start(), 'start');
  await say(stream);
  await within(stream.stop(), 'stop');
  await until(() => scenario.handlers.onConversationCompleted, 'onConversationCompleted');
  checkAll(scenario);
}

/** A subscriber of either kind follows a conversation that begins after it came. */
async function subscribe(scenario, method) {
  const chosen = options({ handlers: scenario.handlersFor('onMessageResponse') });
  await within(sdk[method](chosen.id, { handlers: scenario.handlersFor('onMessage', 'onSubscribe', 'onClose') }), method);
  await until(() => scenario.handlers.onSubscribe, 'onSubscribe');
  const stream = await within(sdk.createStream(chosen), 'createStream');
  await within(stream.start(), 'start');
  await say(stream);
  await within(stream.stop(), 'stop');
  await until(() => scenario.handlers.onClose, 'onClose of the subscriber');
  const frames = scenario.all('onMessage');
  const messages = ofType(frames, 'message_response').map((each) => each.messages);
  scenario.same('begins with subscription_started', ofType(frames, 'subscription_started').length, 1);
  scenario.same('the same messages as the speaker', messages, scenario.all('onMessageResponse'));
  scenario.same('messages in order', contents(messages), coded.messages);
  scenario.same('questions', insights(ofType(frames, 'insight_response').map((each) => each.insights), 'question'), coded.questions);
  scenario.includes('topics', topics(ofType(frames, 'topic_response').map((each) => each.topics)), coded.topics);
  scenario.same('trackers', matches(ofType(frames, 'tracker_response')), coded.tracker_matches);
  const results = ofType(frames, 'recognition_result').map((each) => each.message);
  scenario.same('recognition results', finals(results), coded.utterances);
  scenario.same('ends with conversation_completed', ofType(frames.slice(-1), 'conversation_completed').length, 1);
}

async function reconnectOnError(scenario) {
  const proxy = await openProxy(ENGINE_URL);
  try {
    const stream = await within(sdk.createStream(options({
      basePath: proxy.url, reconnectOnError: true, noConnectionTimeout: 60, handlers: scenario.handlersFor(...HANDLERS),
    })), 'createStream');
    await within(stream.start(), 'start');
    await say(stream, 0, 4);
    await until(() => contents(scenario.all('onMessageResponse')).length === 4, 'the first messages');
    proxy.cut();
    await until(() => ofType(scenario.all('onDataReceived'), 'recognition_started').length === 2, 'recognition_started after the cut');
    await say(stream, 4);
    await within(stream.stop(), 'stop');
    scenario.same('two connections', proxy.connections, 2);
    const ids = conversationIds(scenario.all('onDataReceived'));
    scenario.check('conversation_created on both sockets', ids.length === 2);
    scenario.same('the conversation stays', new Set(ids).size, 1);
    scenario.same('messages in order', contents(scenario.all('onMessageResponse')), coded.messages);
  } finally {
    await closeQuietly(proxy);
  }
}

async function modifyRequest(scenario) {
  const stream = await within(sdk.createStream(options({ handlers: scenario.handlersFor(...HANDLERS) })), 'createStream');
  await within(stream.start(), 'start');
  await say(stream, 0, 4);
  await until(() => contents(scenario.all('onMessageResponse')).length === 4, 'the first messages');
  stream.sendJSON(JSON.stringify({ type: 'modify_request', speechRecognition: { encoding: 'LINEAR16', sampleRateHertz: 8000 } }));
  await until(() => ofType(scenario.all('onDataReceived'), 'session_modified').length, 'session_modified');
  await say(stream, 4);
  await within(stream.stop(), 'stop');
  scenario.same('messages in order', contents(scenario.all('onMessageResponse')), coded.messages);
  const said = scenario.all('onMessageResponse').flat();
  const took = (at) => said[at].duration.duration;
  // The same bytes last twice as long at half the rate.
  const spoken = (at) => coded.utterances[at].split(' ').length * 0.2;
  scenario.check('times before at 16 kHz', Math.abs(took(0) - spoken(0)) < 0.25);
  scenario.check('times after at 8 kHz', Math.abs(took(9) - 2 * spoken(9)) < 0.5);
}

async function impossibleStart(scenario) {
  const impossible = () => options({ config: { encoding: 'LINEAR16', sampleRateHertz: 4000 } });
  const rejection = (promise) => promise.then(() => null, (error) => error);
  const realtime = await within(rejection(sdk.startRealtimeRequest(impossible())), 'startRealtimeRequest');
  scenario.check('startRealtimeRequest rejects', realtime !== null);
  scenario.check('and says why', realtime && /Hz|rate|sample/i.test(JSON.stringify(realtime)));
  const stream = await within(sdk.createStream(impossible()), 'createStream');
  const started = await within(rejection(stream.start()), 'start');
  scenario.check('start of a stream rejects', started !== null);
  scenario.check('and says why, too', started && /Hz|rate|sample/i.test(JSON.stringify(started)));
}

async function unknownRequest(scenario) {
  const stream = await within(sdk.createStream(options({ handlers: scenario.handlersFor(...HANDLERS) })), 'createStream');
  await within(stream.start(), 'start');
  stream.sendJSON(JSON.stringify({ type: 'no_such_request' }));
  stream.sendJSON('no JSON at all');
  await until(() => ofType(scenario.all('onDataReceived'), 'error').length === 2, 'two errors');
  scenario.check('errors have texts', ofType(scenario.all('onDataReceived'), 'error').every((each) => each.message && each.details));
  await say(stream);
  await within(stream.stop(), 'stop');
  scenario.same('the stream is not hurt', contents(scenario.all('onMessageResponse')), coded.messages);
}

/** The SDK pings every 30.5 s and takes a missing answer for a lost connection. */
async function keepalive(scenario) {
  const proxy = await openProxy(ENGINE_URL);
  try {
    const stream = await within(sdk.createStream(options({
      basePath: proxy.url, reconnectOnError: true, noConnectionTimeout: 60, handlers: scenario.handlersFor(...HANDLERS),
    })), 'createStream');
    await within(stream.start(), 'start');
    await until(() => proxy.heard.includes('__PONG__'), 'an answer to the ping', 40);
    scenario.check('the ping is answered', true);
    await say(stream);
    await within(stream.stop(), 'stop');
    scenario.same('one connection', proxy.connections, 1);
    scenario.same('messages in order', contents(scenario.all('onMessageResponse')), coded.messages);
  } finally {
    await closeQuietly(proxy);
  }
}

const one = (name, body, seconds) => run('@symblai/symbl-js', version, name, body, seconds);

// The SDK leaves a rejected promise behind when a server is slow to start, which would end the program.
process.on('unhandledRejection', (error) => console.error('unhandled:', String((error && error.message) || error)));

async function main() {
  // The one thing that a user of the SDK has to add for another host: init's basePath is not that of the token request.
  sdk.oauth2.setBasePath(ENGINE_URL);
  await one('wrong credentials', badCredentials);
  await one('init', goodCredentials);
  const waiting = one('keepalive of reconnectOnError', keepalive, 75);
  const speech = one('startRealtimeRequest with a recorded call', recordedCall, 2 * SPEECH_SECONDS);
  await one('startRealtimeRequest', startRealtimeRequest);
  await one('createStream', createStreamToTheEnd);
  await one('createStream, stop and resume on one socket', createStream);
  await one('subscribeToStream', (scenario) => subscribe(scenario, 'subscribeToStream'));
  await one('subscribeToConnection', (scenario) => subscribe(scenario, 'subscribeToConnection'));
  await one('reconnectOnError, connection cut', reconnectOnError);
  await one('modify_request', modifyRequest);
  await one('a start that cannot succeed', impossibleStart);
  await one('requests that cannot be understood', unknownRequest);
  await Promise.all([waiting, speech]);
  // The SDK's timer for the next token would keep the process alive for a day.
  process.exit(0);
}

main();
