// The report's page: small tools that build it from the data, and its order. Text from the run becomes text nodes only.
const R1 = {
  data: JSON.parse(document.getElementById('data').textContent),

  // el('p', {class: 'note'}, 'text', node, ...): an element; nothing is ever parsed as markup.
  el(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? '' : String(value));
    }
    for (const child of children.flat(9)) {
      if (child === null || child === undefined || child === false) continue;
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return node;
  },

  // ---- values that may be of any kind, or missing
  num(x) { return typeof x === 'number' && Number.isFinite(x) ? x : null; },
  str(x) { return typeof x === 'string' ? x : ''; },
  list(x) { return Array.isArray(x) ? x : []; },
  obj(x) { return x !== null && typeof x === 'object' && !Array.isArray(x) ? x : {}; },
  pair(x) {
    return Array.isArray(x) && x.length === 2 && R1.num(x[0]) !== null && R1.num(x[1]) !== null ? x : null;
  },

  // ---- numbers as people read them
  percent(x, digits) { return R1.num(x) === null ? '–' : (100 * x).toFixed(digits === undefined ? 1 : digits) + ' %'; },
  fixed(x, digits) { return R1.num(x) === null ? '–' : x.toFixed(digits); },
  figure(x) {
    if (R1.num(x) === null) return '–';
    const size = Math.abs(x);
    if (size !== 0 && (size < 0.001 || size >= 1e7)) return Number(x.toPrecision(3)).toExponential();
    if (Number.isInteger(x)) return x.toLocaleString('en');
    return size >= 100 ? x.toFixed(1) : String(Number(x.toPrecision(3)));
  },
  big(x, unit) {
    if (R1.num(x) === null) return '–';
    const names = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z'];
    let power = 0;
    while (Math.abs(x) >= 999.5 && power < names.length - 1) { x /= 1000; power++; }
    return Number(x.toPrecision(3)) + ' ' + names[power] + (unit || '');
  },
  duration(seconds) {
    if (R1.num(seconds) === null) return '–';
    const s = Math.max(0, Math.round(seconds));
    const two = (n) => String(n).padStart(2, '0');
    if (s >= 3600) return Math.floor(s / 3600) + 'h' + two(Math.floor(s / 60) % 60) + 'm';
    return s >= 60 ? Math.floor(s / 60) + 'm' + two(s % 60) + 's' : s + 's';
  },

  // ---- stages
  facts(stage) { return R1.obj(stage.facts); },
  eval(stage) { return R1.obj(R1.facts(stage).eval); },
  kind(stage) { return R1.str(R1.facts(stage).kind); },
  series(stage, name) {
    for (const group of R1.list(stage.curves))
      if (group.y[name]) return group.x.map((x, i) => ({ x, y: group.y[name][i] }));
    return null;
  },
  seriesNames(stage) { return R1.list(stage.curves).flatMap((group) => Object.keys(group.y)).sort(); },
  outcomeName(outcome) {
    const names = { correct: 'right', wrong: 'wrong', no_answer: 'no answer', failed: 'not judged' };
    return names[outcome] || outcome || 'not judged';
  },
  outcomeTag(outcome) {
    const sign = { correct: '✓ ', wrong: '✗ ', no_answer: '○ ' }[outcome] || '';
    const known = ['correct', 'wrong', 'no_answer', 'failed'].includes(outcome);
    return R1.el('span', { class: 'tag' + (known ? ' ' + outcome : '') }, sign + R1.outcomeName(outcome));
  },
  tag(text) { return R1.el('span', { class: 'tag' }, text); },

  // ---- pieces
  // A select with a label; calls change(value) now and on every choice. choices: [[value, text], ...].
  select(label, choices, change, start) {
    const select = R1.el('select', {}, choices.map(([value, text]) => R1.el('option', { value }, text)));
    if (start !== undefined) select.value = String(start);
    select.addEventListener('change', () => change(select.value));
    const name = label.startsWith('Column') ? R1.el('span', { class: 'hidden' }, label) : label;
    return { node: R1.el('label', {}, name, select), select };
  },
  section(id, title, lead, ...children) {
    const kept = children.flat(9).filter(Boolean);
    if (kept.length === 0) return null;
    return R1.el('section', { id, 'aria-labelledby': id + '-title' },
      R1.el('h2', { id: id + '-title' }, title), lead && R1.el('p', { class: 'lead' }, lead), kept);
  },
  // rows of cells: text, node, or null for nothing. The first cell of a row is its header, a column of nothing is left
  // out. On a phone a row is a card.
  table(caption, allHeads, allRows, attributes) {
    const kept = allHeads.map((_, i) => allRows.some((row) => row.cells[i] !== null && row.cells[i] !== '–'));
    const heads = allHeads.filter((_, i) => kept[i]);
    const rows = allRows.map((row) => ({ ...row, cells: row.cells.filter((_, i) => kept[i]) }));
    const cell = (content, i) => R1.el(i === 0 ? 'th' : 'td', {
      scope: i === 0 ? 'row' : null, 'data-label': i === 0 ? null : heads[i].label || heads[i],
      class: [heads[i].text ? 'text' : '', content === null || content === '–' ? 'empty' : ''].join(' ').trim() || null,
    }, i === 0 || content instanceof Node || content === null ? content : R1.el('span', {}, content));
    return R1.el('div', { class: 'scroll' }, R1.el('table', { class: 'cards', ...attributes },
      caption && R1.el('caption', {}, caption),
      R1.el('thead', {}, R1.el('tr', {}, heads.map((head) =>
        R1.el('th', { scope: 'col', class: head.text ? 'text' : null }, head.label || head)))),
      R1.el('tbody', {}, rows.map((row) => R1.el('tr', { class: row.class }, row.cells.map(cell))))));
  },
  withSmall(main, small) {
    return R1.el('span', {}, main, small ? R1.el('small', {}, small) : null);
  },

  // ---- the page
  head() {
    const { data } = R1, facts = R1.obj(data.facts);
    const measured = data.stages.filter((s) => R1.num(R1.eval(s).accuracy) !== null);
    const first = measured[0];
    const best = measured.reduce((a, b) => (a && R1.eval(a).accuracy >= R1.eval(b).accuracy ? a : b), null);
    const sum = (key) => data.stages.reduce((total, s) => total + (R1.num(R1.facts(s)[key]) || 0), 0);
    const seconds = R1.num(facts.seconds) || sum('seconds'), flops = sum('flops');
    const fact = (name, value, small) =>
      R1.el('div', {}, R1.el('dt', {}, name), R1.el('dd', {}, value, small && R1.el('small', {}, small)));
    const cells = [];
    if (best) {
      const ci = R1.pair(R1.eval(best).ci95);
      cells.push(fact('Best on held-out items', R1.percent(R1.eval(best).accuracy),
        best.name + (ci ? ', 95 %: ' + (100 * ci[0]).toFixed(1) + ' to ' + (100 * ci[1]).toFixed(1) : '')));
    }
    if (best && first !== best) {
      const won = 100 * (R1.eval(best).accuracy - R1.eval(first).accuracy);
      cells.push(fact('Won over ' + first.name, '+' + won.toFixed(1) + ' points', 'from ' + R1.percent(R1.eval(first).accuracy)));
    }
    cells.push(fact('Time', R1.duration(seconds), data.stages.length + (data.stages.length === 1 ? ' stage' : ' stages')));
    if (flops > 0) cells.push(fact('Computed', R1.big(flops, 'FLOP'), seconds > 0 ? R1.big(flops / seconds, 'FLOP/s') + ' on average' : ''));
    const moments = data.stages.reduce((n, s) => n + (R1.num(R1.obj(s.seen).changes) || 0), 0);
    if (moments > 0) cells.push(fact('Changes of mind', R1.figure(moments), 'in the samples that were kept'));
    return R1.el('header', {}, R1.el('h1', {}, data.name),
      R1.el('p', { class: 'lead' }, 'What each stage of this run made of the model: measured on held-out problems, ' +
        'watched while it learned, and its chains of thought taken apart.'),
      R1.el('dl', { class: 'facts' }, cells));
  },

  start() {
    const page = document.getElementById('page');
    const sections = [
      R1.stageSection(), R1.distillSection(), R1.curveSection(), R1.difficultySection(), R1.watchSection(),
      R1.changeSection(), R1.thoughtSection(), R1.costSection(), R1.rejectSection(), R1.sourceSection(),
    ].filter(Boolean);
    const link = (s) => R1.el('li', {}, R1.el('a', { href: '#' + s.id }, s.querySelector('h2').textContent));
    page.append(R1.head(), R1.el('nav', { 'aria-label': 'sections' }, R1.el('ul', { tabindex: '-1' }, sections.map(link))),
      R1.el('main', { id: 'main' }, sections),
      R1.el('footer', {}, ['Made by r1', R1.str(R1.obj(R1.data.facts).version)].filter(Boolean).join(' '),
        '. This file is complete: it loads nothing and sends nothing.'));
    R1.drawCharts();
    for (const task of R1.afterStart) task();
  },
};
