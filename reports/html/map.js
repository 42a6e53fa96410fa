// The matrix is drawn on a canvas of the size of its window: tens of thousands
// of cells as elements would be more than a browser likes.
const map = {
  frame: document.getElementById('map'),
  size: document.getElementById('map-size'),
  canvas: document.getElementById('map-canvas'),
  rows: [], // that are shown, by their numbers
  cols: [],
  cell: 28,
  cursor: null, // place among those that are shown
  printing: false,
};

const smallestLabelled = 11;
const widestLabel = 190;
const printedWidth = 680;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function labels() {
  if (map.cell < smallestLabelled) return { size: 0, width: 0, height: 0 };
  const size = Math.min(13, Math.round(map.cell * 0.8));
  const pen = map.canvas.getContext('2d');
  pen.font = `bold ${size}px system-ui, sans-serif`;
  const longest = (list) => Math.min(widestLabel, Math.ceil(Math.max(0, ...list.map((p) => pen.measureText(p.name).width))) + 10);
  return { size, width: longest(map.rows.map((r) => rows[r])), height: longest(map.cols.map((c) => cols[c])) };
}

// layOut fits the frame's inside to the matrix, and draws it.
function layOut() {
  map.labels = labels();
  const width = map.labels.width + map.cols.length * map.cell + 1;
  const height = map.labels.height + map.rows.length * map.cell + 1;
  map.size.style.width = `${width}px`;
  map.size.style.height = `${height}px`;
  map.frame.style.height = map.printing ? 'auto' : `${Math.min(height + 20, window.innerHeight * 0.75)}px`;
  draw();
}

function draw() {
  const wide = map.printing ? map.size.offsetWidth : Math.min(map.frame.clientWidth, map.size.offsetWidth);
  const high = map.printing ? map.size.offsetHeight : Math.min(map.frame.clientHeight, map.size.offsetHeight);
  const sharp = Math.max(window.devicePixelRatio || 1, 2);
  map.canvas.width = wide * sharp;
  map.canvas.height = high * sharp;
  map.canvas.style.width = `${wide}px`;
  map.canvas.style.height = `${high}px`;
  const pen = map.canvas.getContext('2d');
  pen.scale(sharp, sharp);
  drawCells(pen, wide, high);
  drawLabels(pen, wide, high);
}

// shown is which of a line of cells stand in the window.
function shown(scrolled, room, count) {
  const first = Math.max(0, Math.floor(scrolled / map.cell));
  return [first, Math.min(count, Math.ceil((scrolled + room) / map.cell))];
}

function drawCells(pen, wide, high) {
  const { width, height } = map.labels;
  const { scrollLeft, scrollTop } = map.frame;
  const [left, right] = shown(scrollLeft, wide - width, map.cols.length);
  const [top, bottom] = shown(scrollTop, high - height, map.rows.length);
  const paint = classes.map((c) => colour(c.key));
  const ink = classes.map((c, kind) => colour(kind < 2 ? 'ink-strong' : 'ink-light'));
  const line = colour('line');
  pen.save();
  pen.beginPath();
  pen.rect(width, height, wide - width, high - height);
  pen.clip();
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  for (let i = top; i < bottom; i++) {
    for (let j = left; j < right; j++) {
      const x = width + j * map.cell - scrollLeft;
      const y = height + i * map.cell - scrollTop;
      drawCell(pen, x, y, map.rows[i], map.cols[j], paint, ink, line);
    }
  }
  drawCursor(pen);
  pen.restore();
}

function drawCell(pen, x, y, row, col, paint, ink, line) {
  const gap = map.cell > 8 ? 1 : 0;
  const side = map.cell - gap;
  const kind = classAt(row, col);
  if (kind === untried) {
    if (itself(row, col)) {
      pen.fillStyle = line;
      pen.fillRect(x + map.cell / 3, y + map.cell / 2 - 0.5, map.cell / 3, 1);
    }
    return;
  }
  pen.fillStyle = paint[kind];
  pen.fillRect(x, y, side, side);
  if (map.cell < 14) return;
  pen.fillStyle = ink[kind];
  pen.font = `${Math.round(map.cell * 0.5)}px system-ui, sans-serif`;
  if (map.cell < 44) {
    pen.fillText(classes[kind].symbol, x + side / 2, y + side / 2 + 1);
    return;
  }
  const counts = countsAt(row, col);
  pen.font = `${Math.round(map.cell * 0.34)}px system-ui, sans-serif`;
  pen.fillText(classes[kind].symbol, x + side / 2, y + side * 0.32);
  pen.font = `${Math.round(map.cell * 0.24)}px system-ui, sans-serif`;
  pen.fillText(`${counts.get(kind)}/${total(counts)}`, x + side / 2, y + side * 0.72, side - 2);
}

function drawCursor(pen) {
  if (!map.cursor || map.printing) return;
  const x = map.labels.width + map.cursor.col * map.cell - map.frame.scrollLeft;
  const y = map.labels.height + map.cursor.row * map.cell - map.frame.scrollTop;
  pen.strokeStyle = colour('ink');
  pen.lineWidth = 2;
  pen.strokeRect(x - 1, y - 1, map.cell + 1, map.cell + 1);
}

// fitted cuts a name to the room that there is for it.
function fitted(pen, name, room) {
  if (pen.measureText(name).width <= room) return name;
  let end = name.length;
  while (end > 1 && pen.measureText(`${name.slice(0, end)}…`).width > room) end--;
  return `${name.slice(0, end)}…`;
}

function drawLabels(pen, wide, high) {
  const { size, width, height } = map.labels;
  if (!size) return;
  const { scrollLeft, scrollTop } = map.frame;
  const clip = (x, y, w, h, act) => {
    pen.save();
    pen.beginPath();
    pen.rect(x, y, w, h);
    pen.clip();
    act();
    pen.restore();
  };
  const write = (name, on, room) => {
    pen.font = `${on ? 'bold ' : ''}${size}px system-ui, sans-serif`;
    pen.fillText(fitted(pen, name, room - 8), 0, 0);
  };
  pen.fillStyle = map.printing ? '#000' : colour('ink');
  pen.textBaseline = 'middle';
  clip(0, height, width, high - height, () => {
    pen.textAlign = 'right';
    const [top, bottom] = shown(scrollTop, high - height, map.rows.length);
    for (let i = top; i < bottom; i++) {
      pen.save();
      pen.translate(width - 5, height + i * map.cell - scrollTop + map.cell / 2);
      write(rows[map.rows[i]].name, map.cursor && map.cursor.row === i, width);
      pen.restore();
    }
  });
  clip(width, 0, wide - width, height, () => {
    pen.textAlign = 'left';
    const [left, right] = shown(scrollLeft, wide - width, map.cols.length);
    for (let j = left; j < right; j++) {
      pen.save();
      pen.translate(width + j * map.cell - scrollLeft + map.cell / 2, height - 5);
      pen.rotate(-Math.PI / 2);
      write(cols[map.cols[j]].name, map.cursor && map.cursor.col === j, height);
      pen.restore();
    }
  });
}

// choose takes the rows and the columns that the filter leaves.
function choose() {
  judgeWays();
  const named = (places, text) => places.map((_, i) => i).filter((i) => places[i].name.toLowerCase().includes(text.toLowerCase()));
  map.rows = named(rows, filter.from);
  map.cols = named(cols, filter.to);
  if (filter.attention) {
    const needs = (row, col) => { const kind = classAt(row, col); return kind !== untried && classes[kind].attention; };
    map.rows = map.rows.filter((row) => map.cols.some((col) => needs(row, col)));
    map.cols = map.cols.filter((col) => map.rows.some((row) => needs(row, col)));
  }
  map.cursor = null;
}

// fit makes the cells as large as lets all of them stand in the frame.
function fit() {
  const room = map.frame.clientWidth || document.getElementById('matrix').clientWidth;
  const names = map.rows.length + map.cols.length > 120 ? 0 : widestLabel / 2;
  const cell = Math.floor(Math.min((room - names) / Math.max(map.cols.length, 1), (window.innerHeight * 0.75 - names) / Math.max(map.rows.length, 1)));
  return Math.min(Math.max(cell, 3), 48);
}

// at is the cell under a point of the window, among those that are shown.
function at(event) {
  const box = map.canvas.getBoundingClientRect();
  const x = event.clientX - box.left;
  const y = event.clientY - box.top;
  if (x < map.labels.width || y < map.labels.height) return null;
  const col = Math.floor((x - map.labels.width + map.frame.scrollLeft) / map.cell);
  const row = Math.floor((y - map.labels.height + map.frame.scrollTop) / map.cell);
  return row < map.rows.length && col < map.cols.length ? { row, col } : null;
}

// moveTo puts the cursor on a cell, and that into sight.
function moveTo(place) {
  map.cursor = place;
  if (place) {
    map.frame.scrollLeft = inSight(map.frame.scrollLeft, map.frame.clientWidth - map.labels.width, place.col);
    map.frame.scrollTop = inSight(map.frame.scrollTop, map.frame.clientHeight - map.labels.height, place.row);
  }
  readOut(place);
  draw();
}

function inSight(scrolled, room, cell) {
  if (cell * map.cell < scrolled) return cell * map.cell;
  return Math.max(scrolled, (cell + 1) * map.cell - room + 2);
}

// readOut says what a cell shows.
function readOut(place) {
  const out = document.getElementById('map-readout');
  if (!place) {
    out.textContent = '';
    return;
  }
  const row = map.rows[place.row];
  const col = map.cols[place.col];
  const counts = countsAt(row, col);
  const what = total(counts) ? countWords(counts) : itself(row, col) ? 'the tenant itself, not tried' : 'not tried';
  out.textContent = `${pairName(row, col)}: ${what}`;
}
