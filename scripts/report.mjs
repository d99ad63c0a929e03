// A vitest reporter that leaves its caller a file: how many tests passed, and each that failed with
// its errors and their causes. `npm test` repeats those at its end: logs are often kept from there.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from './install.mjs';

export default class Report {
  onTestRunEnd(modules, unhandled) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failed = [
      ...tests.filter((test) => test.result().state === 'failed').map(failedTest),
      ...modules
        .flatMap(suitesOf)
        .filter((suite) => suite.errors().length > 0)
        .map(failedSuite),
      ...unhandled.map((error) => `outside of a test\n${told(error)}`),
    ];
    writeFileSync(process.env.PGFLEET_TEST_REPORT, JSON.stringify({ passed, failed }));
  }
}

function failedTest(test) {
  return `${at(test.module)} > ${test.fullName}\n${test.result().errors.map(told).join('\n')}`;
}

const suitesOf = (module) => [module, ...module.children.allSuites()];

function failedSuite(suite) {
  const name = suite.type === 'module' ? '' : ` > ${suite.fullName}`;
  return `${at(suite.module ?? suite)}${name}\n${suite.errors().map(told).join('\n')}`;
}

const at = (module) => relative(root, module.moduleId);

function told({ stack, message, diff, cause }) {
  const lines = (stack ?? message).split('\n').filter((line) => !line.includes('/node_modules/'));
  const because = cause === undefined ? [] : [`because of ${told(cause)}`];
  return [...lines, ...(diff === undefined ? [] : [diff]), ...because].join('\n');
}
