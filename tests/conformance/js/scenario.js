'use strict';
// What the clients of this folder and of ../web share: bounded waiting, counted handlers, checks, one line of JSON per scenario.

const assert = require('node:assert');
const fs = require('node:fs');

// Standard output belongs to the results, whatever the SDK logs.
for (const name of ['log', 'info', 'debug']) console[name] = (...args) => console.error(...args);

const PATIENCE_SECONDS = 20;
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** The promise, or an error after so many seconds: several promises of the SDK are never settled when something is wrong. */
function within(promise, what, seconds = PATIENCE_SECONDS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits until the predicate holds. */
async function until(predicate, what, seconds = PATIENCE_SECONDS) {
  const end = Date.now() + seconds * 1000;
  while (!predicate()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(0.02);
  }
}

/** One scenario: what its handlers received, what was checked. */
class Scenario {
  constructor(name) {
    this.name = name;
    this.handlers = {};
    this.checks = {};
    this.received = {};
  }

  /** Handlers of these names that keep their first argument. */
  handlersFor(...names) {
    return Object.fromEntries(names.map((name) => [name, (argument) => this.note(name, argument)]));
  }

  note(name, argument) {
    this.handlers[name] = (this.handlers[name] || 0) + 1;
    // Some arguments are changed later by the SDK.
    (this.received[name] ||= []).push(argument === undefined ? undefined : JSON.parse(JSON.stringify(argument)));
  }

  all(name) {
    return this.received[name] || [];
  }

  check(what, outcome) {
    this.checks[what] = Boolean(outcome) && this.checks[what] !== false;
    if (!outcome) console.error(`${this.name}: ${what}: no`);
  }

  same(what, actual, expected) {
    let equal = true;
    try {
      assert.deepStrictEqual(actual, expected);
    } catch (error) {
      equal = false;
      console.error(`${this.name}: ${what}: ${error.message}`);
    }
    this.checks[what] = equal && this.checks[what] !== false;
  }

  /** Every one of these is among the actual ones. */
  includes(what, actual, expected) {
    const missing = expected.filter((each) => !actual.includes(each));
    this.check(missing.length ? `${what} (missing: ${missing.join(', ')})` : what, !missing.length);
  }
}

/** Runs a scenario and prints its line. Its failure is no failure of the program. */
async function run(sdk, version, name, body, seconds = 2 * PATIENCE_SECONDS) {
  const scenario = new Scenario(name);
  const began = Date.now();
  let problem = null;
  try {
    await within(body(scenario), name, seconds);
  } catch (error) {
    console.error(`${name}:`, error);
    problem = String((error && error.message) || JSON.stringify(error)).split('\n')[0];
  }
  const { handlers, checks } = scenario;
  const line = { sdk, version, scenario: name, handlers, checks, seconds: (Date.now() - began) / 1000, problem };
  // Not through process.stdout: the program ends with process.exit, which does not wait for it.
  fs.writeSync(1, `${JSON.stringify(line)}\n`);
}

module.exports = { run, sleep, until, within };
