// The matrix once more as a table, for whoever reads rather than looks.

const mostPairs = 200;

function listPairs() {
  const byClass = classes.map(() => []);
  let count = 0;
  for (const row of map.rows) {
    for (const col of map.cols) {
      const kind = classAt(row, col);
      if (kind === untried || (filter.attention && !classes[kind].attention)) continue;
      count++;
      if (byClass[kind].length < mostPairs) byClass[kind].push([row, col, kind]);
    }
  }
  const first = byClass.flat().slice(0, mostPairs);
  document.getElementById('pairs').replaceChildren(...first.map(pairLine));
  document.getElementById('pairs-shown').textContent = count > first.length
    ? `The first ${first.length} of ${count} pairs; narrow them down by the fields above the matrix.` : `${count} pairs`;
  return count;
}

function pairLine([row, col, kind]) {
  const open = make('button', { type: 'button' }, 'Attempts');
  open.setAttribute('aria-label', `Attempts of ${pairName(row, col)}`);
  open.addEventListener('click', () => showPair(row, col));
  return make('tr', {},
    make('td', {}, make('bdi', {}, rows[row].name)),
    make('td', {}, make('bdi', {}, cols[col].name)),
    make('td', {}, badge(kind)),
    make('td', {}, countWords(countsAt(row, col))),
    make('td', {}, open));
}
