// How the reader moves about the page.

const field = (id) => document.getElementById(id);

function refresh() {
  choose();
  layOut();
  readOut(null);
  const count = listPairs();
  field('map-shown').textContent = `${map.rows.length} of ${rows.length} rows, ${map.cols.length} of ${cols.length} columns, ${count} pairs with attempts`;
}

function resize(cell) {
  map.cell = Math.min(Math.max(cell, 3), 56);
  field('zoom').value = map.cell;
  layOut();
  if (map.cursor) moveTo(map.cursor);
}

const within = (n, count) => Math.min(Math.max(n, 0), count - 1);

// steps are where the keys lead from a cell.
const steps = {
  ArrowLeft: (c) => ({ row: c.row, col: c.col - 1 }),
  ArrowRight: (c) => ({ row: c.row, col: c.col + 1 }),
  ArrowUp: (c) => ({ row: c.row - 1, col: c.col }),
  ArrowDown: (c) => ({ row: c.row + 1, col: c.col }),
  Home: (c) => ({ row: c.row, col: 0 }),
  End: (c) => ({ row: c.row, col: map.cols.length }),
  PageUp: (c) => ({ row: 0, col: c.col }),
  PageDown: (c) => ({ row: map.rows.length, col: c.col }),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !map.rows.length || !map.cols.length) return;
  if (steps[event.key]) {
    const next = map.cursor ? steps[event.key](map.cursor) : { row: 0, col: 0 };
    moveTo({ row: within(next.row, map.rows.length), col: within(next.col, map.cols.length) });
  } else if ((event.key === 'Enter' || event.key === ' ') && map.cursor) {
    showPair(map.rows[map.cursor.row], map.cols[map.cursor.col]);
  } else if (event.key === '+' || event.key === '=') {
    resize(map.cell + 3);
  } else if (event.key === '-') {
    resize(map.cell - 3);
  } else {
    return;
  }
  event.preventDefault();
}

function onClick(event) {
  const place = at(event);
  if (!place) return;
  moveTo(place);
  showPair(map.rows[place.row], map.cols[place.col]);
}

// On paper there is no scrolling: the whole matrix stands on one page.
function beforePrint() {
  map.screenCell = map.cell;
  map.printing = true;
  const names = map.rows.length > 60 ? 0 : 120;
  map.cell = Math.min(Math.max((printedWidth - names) / Math.max(map.cols.length, map.rows.length, 1), 1), 30);
  layOut();
}

function afterPrint() {
  map.printing = false;
  map.cell = map.screenCell;
  layOut();
}

function listen() {
  for (const id of ['from', 'to']) {
    field(id).addEventListener('input', () => { filter[id] = field(id).value.trim(); refresh(); });
  }
  field('suite').addEventListener('change', () => { filter.suite = Number(field('suite').value); refresh(); });
  field('attention').addEventListener('change', () => { filter.attention = field('attention').checked; refresh(); });
  field('zoom').addEventListener('input', () => resize(Number(field('zoom').value)));
  field('fit').addEventListener('click', () => resize(fit()));
  map.frame.addEventListener('scroll', draw, { passive: true });
  map.frame.addEventListener('keydown', onKey);
  map.canvas.addEventListener('click', onClick);
  map.canvas.addEventListener('pointermove', (event) => readOut(at(event) || map.cursor));
  map.canvas.addEventListener('pointerleave', () => readOut(map.cursor));
  window.addEventListener('resize', layOut);
  window.addEventListener('beforeprint', beforePrint);
  window.addEventListener('afterprint', afterPrint);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  for (const part of document.querySelectorAll('.told')) {
    part.addEventListener('toggle', () => fillCause(part));
  }
}

function begin() {
  suites.forEach((name, i) => field('suite').append(make('option', { value: i }, name)));
  listen();
  if (!rows.length || !cols.length) {
    field('map-shown').textContent = 'No pair was tried.';
    return;
  }
  for (const id of ['map-tools', 'map', 'pairs-part']) field(id).hidden = false;
  choose();
  map.cell = fit();
  field('zoom').value = map.cell;
  refresh();
}

begin();
