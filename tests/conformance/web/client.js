'use strict';
// @symblai/symbl-web-sdk in a real browser, in a page of another origin than the engine's.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const esbuild = require('esbuild');
const { chromium } = require('playwright-core');
const { openProxy } = require('../js/proxy');
const { run, until } = require('../js/scenario');
const { unpackChromium } = require('./unpack');

const { ENGINE_URL, SPEECH_ENGINE_URL, APP_ID, APP_SECRET, CODED_PCM, CALL_PCM, EXPECTED, INSTALLED, TMPDIR } = process.env;
const { speaker, coded, call } = JSON.parse(fs.readFileSync(EXPECTED, 'utf8'));
const PACKAGES = path.join(INSTALLED, 'node_modules');
const SDK = '@symblai/symbl-web-sdk';
const { version } = JSON.parse(fs.readFileSync(path.join(PACKAGES, SDK, 'package.json'), 'utf8'));
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const ARGUMENTS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
  // Nothing but this machine: the SDK looks for a host of its vendor every three seconds.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

// Of the host that is looked for, and of the age of the SDK's way to hear audio.
const EXPECTED_COMPLAINTS = /ERR_NAME_NOT_RESOLVED|ScriptProcessorNode is deprecated/;

const LEAD_SECONDS = 3;
// Recognition of real speech takes a while on a busy machine.
const SPEECH_SECONDS = 75;

/** The raw audio as a WAV file. */
function wav(pcm, rate = 16000) {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + pcm.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(2 * rate, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([head, pcm]);
}

async function findBrowser() {
  if (process.env.CHROME) return { executable: process.env.CHROME, env: process.env };
  for (const folder of process.env.PATH.split(path.delimiter)) {
    for (const name of NAMES) {
      const executable = path.join(folder, name);
      if (fs.existsSync(executable)) return { executable, env: process.env };
    }
  }
  return unpackChromium(INSTALLED);
}

/** The page, its script made by an ordinary bundler, and what it fetches. */
async function servePage() {
  const bundle = path.join(TMPDIR, 'page.js');
  await esbuild.build({ entryPoints: [path.join(__dirname, 'page.js')], bundle: true, outfile: bundle, nodePaths: [PACKAGES], logLevel: 'error' });
  const encoder = path.join(PACKAGES, 'symbl-opus-encdec', 'dist');
  const files = {
    '/': ['text/html', Buffer.from('<!DOCTYPE html><title>Conformance</title><button>Start</button><script src="/page.js"></script>')],
    '/page.js': ['text/javascript', fs.readFileSync(bundle)],
    '/encoder.js': ['text/javascript', fs.readFileSync(path.join(__dirname, 'encoder.js'))],
    '/call.wav': ['audio/wav', wav(fs.readFileSync(CALL_PCM))],
    '/coded.pcm': ['application/octet-stream', fs.readFileSync(CODED_PCM)],
    '/favicon.ico': ['image/x-icon', Buffer.alloc(0)],
  };
  for (const name of fs.readdirSync(encoder)) {
    const type = name.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
    files[`/encoder/${name}`] = [type, fs.readFileSync(path.join(encoder, name))];
  }
  const server = http.createServer((request, response) => {
    const file = files[new URL(request.url, 'http://page').pathname];
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': file[0] }).end(file[1]);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return `http://127.0.0.1:${server.address().port}/`;
}

const contents = (data) => (data || []).flat().map((message) => message.payload.content);
const finals = (data) => (data || []).filter((each) => each.isFinal).map((each) => each.punctuated.transcript);

function matches(data) {
  const found = {};
  for (const { name, matches: each } of (data || []).flat()) {
    found[name] = [...new Set([...(found[name] || []), ...each.map((match) => match.value)])].sort();
  }
  return found;
}

function keep(scenario, received) {
  for (const [name, data] of Object.entries(received)) scenario.handlers[name] = data.length;
  return received;
}

function checkAll(scenario, received) {
  scenario.same('final transcripts in order', finals(received.speech_recognition), coded.utterances);
  scenario.same('messages in order', contents(received.message), coded.messages);
  scenario.same('questions', contents(received.question), coded.questions);
  scenario.same('action items', contents(received.action_item), coded.action_items);
  scenario.same('follow-ups', contents(received.follow_up), coded.follow_ups);
  scenario.same('trackers', matches(received.tracker), coded.tracker_matches);
  scenario.includes('topics', (received.topic || []).flat().map((each) => each.phrases), coded.topics);
}

function checkLife(scenario, received, names) {
  for (const name of names) scenario.check(`${name} was told`, (received[name] || []).length);
}

/** Most words: the microphone is heard in real time, through Chromium's own processing, on a machine that may be busy. */
function checkCall(scenario, received) {
  const text = contents(received.message).join(' ');
  const words = text.toLowerCase().match(/[a-z']+/g) || [];
  console.error(`${scenario.name}: heard: ${text}`);
  const heard = call.must_hear.filter((word) => words.includes(word));
  scenario.check('most words of the call', heard.length >= 0.6 * call.must_hear.length);
  scenario.check('interim results', (received.speech_recognition || []).some((each) => !each.isFinal));
}

const LIFE = ['connected', 'conversation_created', 'started_listening', 'processing_started', 'conversation_completed', 'disconnected'];

async function main() {
  const pageUrl = await servePage();
  const audioFile = path.join(TMPDIR, 'call.wav');
  // Chromium plays the file from the moment that the microphone is opened, which is before the engine listens.
  fs.writeFileSync(audioFile, wav(Buffer.concat([Buffer.alloc(2 * 16000 * LEAD_SECONDS), fs.readFileSync(CALL_PCM)])));
  const { executable, env } = await findBrowser();
  const browser = await chromium.launch({
    executablePath: executable, env, args: [...ARGUMENTS, `--use-file-for-fake-audio-capture=${audioFile}%noloop`],
  });
  console.error(`${executable}: ${browser.version()}`);
  const credentials = { appId: APP_ID, appSecret: APP_SECRET, trackers: coded.trackers, speaker, ends: coded.utterance_ends, seconds: call.seconds, patience: 20 };

  /** A page of its own for every conversation, as the SDK keeps state. */
  async function open(scenario) {
    const page = await browser.newPage();
    page.on('pageerror', (error) => scenario.check(`no uncaught error: ${error.message}`, false));
    page.on('console', (line) => {
      if (!EXPECTED_COMPLAINTS.test(line.text())) console.error(`${scenario.name}: page: ${line.text()}`);
    });
    await page.goto(pageUrl);
    // Pages may only play audio after a gesture of their user.
    await page.click('button');
    return page;
  }

  const one = (name, body, seconds) => run(SDK, version, name, async (scenario) => {
    const pages = [];
    try {
      await body(scenario, async () => {
        const page = await open(scenario);
        pages.push(page);
        return page;
      });
    } finally {
      for (const page of pages) await page.close();
    }
  }, seconds);

  const settings = (more = {}) => ({ ...credentials, engineUrl: ENGINE_URL, sessionId: randomUUID(), ...more });
  const converse = (page, name, chosen) => page.evaluate(async ([called, given]) => {
    try {
      return await window[called](given);
    } catch (error) {
      // The SDK also throws what the server sent.
      throw error instanceof Error ? error : new Error(JSON.stringify(error));
    }
  }, [name, chosen]);

  await one('wrong credentials', async (scenario, newPage) => {
    const wrong = settings({ appSecret: APP_SECRET.split('').reverse().join('') });
    const message = await converse(await newPage(), 'wrongCredentials', wrong);
    scenario.check('init rejects', message !== null);
    scenario.check('it says that the credentials are not valid', /not valid/.test(message));
  });
  const spoken = { engineUrl: SPEECH_ENGINE_URL, patience: SPEECH_SECONDS };
  // These two take as long as the call does.
  const microphone = one('microphone, LINEAR16, the rate of the device', async (scenario, newPage) => {
    const { received, conversationId } = await converse(await newPage(), 'fromMicrophone', settings({ ...spoken, seconds: LEAD_SECONDS + call.seconds }));
    keep(scenario, received);
    checkLife(scenario, received, LIFE);
    scenario.check('the conversation id has 16 digits', /^\d{16}$/.test(conversationId));
    checkCall(scenario, received);
  }, 2 * SPEECH_SECONDS);
  const opus = one('external stream, OPUS', async (scenario, newPage) => {
    const { received } = await converse(await newPage(), 'fromGraphAsOpus', settings(spoken));
    keep(scenario, received);
    checkLife(scenario, received, LIFE);
    checkCall(scenario, received);
  }, 2 * SPEECH_SECONDS);
  await one('sendAudio, with a change of the sample rate', async (scenario, newPage) => {
    const chosen = settings();
    const { received, sessionId } = await converse(await newPage(), 'fromPage', chosen);
    keep(scenario, received);
    checkLife(scenario, received, LIFE);
    scenario.same('the session id is the given one', sessionId, chosen.sessionId);
    checkAll(scenario, received);
  });
  await one('stopProcessing and startProcessing on one socket', async (scenario, newPage) => {
    const received = keep(scenario, (await converse(await newPage(), 'stopAndResume', settings())).received);
    scenario.same('messages in order', contents(received.message), coded.messages);
    scenario.same('one conversation', new Set(received.conversation_created.map((each) => each.data.conversationId)).size, 1);
    scenario.same('two starts', received.processing_started.length, 2);
  });
  await one('subscribeToConnection', async (scenario, newPage) => {
    const chosen = settings();
    const [listener, speaking] = [await newPage(), await newPage()];
    const following = converse(listener, 'subscribe', chosen);
    following.catch(() => {});
    await listener.waitForFunction(() => window.subscribed);
    await converse(speaking, 'fromPage', chosen);
    const { received } = await following;
    keep(scenario, received);
    checkLife(scenario, received, ['conversation_completed', 'disconnected']);
    checkAll(scenario, received);
  });
  await one('reconnectOnError, connection cut', async (scenario, newPage) => {
    const proxy = await openProxy(ENGINE_URL);
    try {
      const page = await newPage();
      await page.exposeFunction('cutNetwork', proxy.cut);
      const { received } = await converse(page, 'reconnect', settings({ engineUrl: proxy.url }));
      keep(scenario, received);
      scenario.same('messages in order', contents(received.message), coded.messages);
      scenario.same('one conversation', new Set(received.conversation_created.map((each) => each.data.conversationId)).size, 1);
      scenario.same('two starts', received.processing_started.length, 2);
      await page.close();
      await until(() => proxy.open() === 0, 'an orderly close');
    } finally {
      proxy.close();
    }
  });
  await Promise.all([microphone, opus]);
  await browser.close();
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
