'use strict';

// What the page was given. It is data: nothing of it is ever taken for markup.
const data = JSON.parse(document.getElementById('data').textContent);
const { classes, attempts } = data;
const { rows, cols, suites } = data.heat;

// The ways in which pairs ended, each a list of counts by suite and class.
const ways = data.heat.counts.map((text) => text.split(' ').map((part) => {
  const [suite, kind, count] = part.split('.').map(Number);
  return { suite, kind, count };
}));

const untried = -1;

// For each row, the number of each column's way.
const cells = data.heat.cells.map((line) => {
  const row = new Int32Array(cols.length).fill(untried);
  let at = 0;
  for (const word of line.split(' ').filter(Boolean)) {
    const [way, times] = word.split('*');
    const end = at + Number(times || 1);
    if (way !== '-') row.fill(Number(way), at, end);
    at = end;
  }
  return row;
});

// What the reader asked to see.
const filter = { suite: -1, from: '', to: '', attention: false };

const inFilter = (part) => filter.suite < 0 || part.suite === filter.suite;

// worst is the class of each way that needs attention most, as filtered.
let worst = [];

function judgeWays() {
  worst = ways.map((way) => Math.min(...way.filter(inFilter).map((part) => part.kind), classes.length));
}

// classAt is the class that a cell shows, or untried.
function classAt(row, col) {
  const way = cells[row][col];
  if (way === untried || worst[way] === classes.length) return untried;
  return worst[way];
}

const itself = (row, col) => !cols[col].kind && rows[row].owner === cols[col].owner;

// countsAt adds up the classes of a cell, the worst first.
function countsAt(row, col) {
  const counts = new Map();
  if (cells[row][col] === untried) return counts;
  for (const part of ways[cells[row][col]].filter(inFilter)) {
    counts.set(part.kind, (counts.get(part.kind) || 0) + part.count);
  }
  return new Map([...counts].sort((a, b) => a[0] - b[0]));
}

const total = (counts) => [...counts.values()].reduce((sum, n) => sum + n, 0);

const pairName = (row, col) => `${rows[row].name} → ${cols[col].name}${cols[col].kind ? ` (${cols[col].kind})` : ''}`;

function countWords(counts) {
  return [...counts].map(([kind, n]) => `${n} ${classes[kind].word}`).join(', ');
}

// make builds an element out of text and other elements.
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

const badge = (kind) => make('span', { className: `badge ${classes[kind].key}` }, `${classes[kind].symbol} ${classes[kind].word}`);
