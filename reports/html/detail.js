// What is known of one pair, and of one attempt.

function fact(name, value) {
  return value ? [make('dt', {}, name), make('dd', {}, make('bdi', {}, value))] : [];
}

function command(name, value) {
  return value ? [make('dt', {}, name), make('dd', {}, make('code', {}, value))] : [];
}

function table(caption, heads, lines) {
  const frame = make('div', { className: 'wide', tabIndex: 0 }, make('table', {},
    make('caption', {}, caption),
    make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col' }, head)))),
    make('tbody', {}, ...lines.map((cellsOf) => make('tr', {}, ...cellsOf.map((cell) => make('td', {}, cell)))))));
  frame.setAttribute('role', 'group');
  frame.setAttribute('aria-label', caption);
  return frame;
}

// attemptPart tells of one attempt: its evidence stands in it once it is opened.
function attemptPart(attempt) {
  const part = make('details', { className: 'attempt' },
    make('summary', {}, badge(attempt.class), ` ${attempt.check}${attempt.how ? `, ${attempt.how}` : ''}`));
  part.addEventListener('toggle', () => {
    if (part.childElementCount === 1) part.append(...evidence(attempt));
  });
  return part;
}

function evidence(attempt) {
  const facts = make('dl', {},
    ...fact('Why', attempt.why),
    ...fact('Exception', attempt.exception),
    ...fact('From', attempt.from),
    ...fact('To', attempt.to),
    ...fact('Expected', attempt.expect),
    ...fact('Evidence', attempt.grade),
    ...fact('Severity', attempt.severity),
    ...fact('Only at start', attempt.startup ? 'in the first seconds of the pods\' life' : ''),
    ...fact('Likely cause', attempt.behind),
    ...fact('Remedy', attempt.remedy),
    ...command('Attempt', attempt.id),
    ...command('See it again', attempt.rerun));
  if (!attempt.rounds.length) return [facts, make('p', {}, 'No round of it was made.')];
  const rounds = attempt.rounds.map((round) => [round.at, round.source, round.target, round.control, round.way || 'none']);
  return [facts, table('Each round, as both sides and the controls saw it',
    ['At', 'The source saw', 'The target', 'The target\'s control', 'The source\'s own control'], rounds)];
}

// showPair opens what is known of a cell.
function showPair(row, col) {
  const counts = countsAt(row, col);
  document.getElementById('detail-title').textContent = pairName(row, col);
  const told = attempts.filter((a) => a.row === row && a.col === col && (filter.suite < 0 || a.check.startsWith(`${suites[filter.suite]}/`)));
  const body = document.getElementById('detail-body');
  body.replaceChildren(...(total(counts) ? pairParts(row, col, counts, told) : [make('p', {}, itself(row, col) ? 'A tenant is not tried against itself.' : 'Nothing was tried here.')]));
  const detail = document.getElementById('detail');
  detail.hidden = false;
  detail.focus({ preventScroll: true });
  detail.scrollIntoView({ block: 'nearest' });
}

function pairParts(row, col, counts, told) {
  const lines = ways[cells[row][col]].filter(inFilter).map((part) => [suites[part.suite], badge(part.kind), String(part.count)]);
  const left = total(counts) - told.length;
  const parts = [table('How its attempts ended', ['Suite', 'Verdict', 'Attempts'], lines), ...told.map(attemptPart)];
  if (left > 0) {
    parts.push(make('p', {}, told.length
      ? `${told.length} of ${total(counts)} attempts are told here; results.json has the others with all their evidence.`
      : 'None of its attempts is told here; results.json has them with all their evidence.'));
  }
  return parts;
}

// fillCause puts the attempts of a finding into its part, once it is opened.
function fillCause(part) {
  if (part.childElementCount > 1) return;
  const number = Number(part.dataset.cause);
  part.append(...attempts.filter((a) => a.cause === number).map((a) => {
    const one = attemptPart(a);
    one.firstChild.append(make('bdi', {}, `: ${pairName(a.row, a.col)}`));
    return one;
  }));
}
