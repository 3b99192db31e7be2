// Curves, drawn by Chart.js. Each chart has words that say what it shows, a table of its values, and marks besides
// colours.
Object.assign(R1, {
  pending: [],   // charts of nodes that are not in the page yet
  drawn: new Map(),  // canvas -> its chart and how to make it again

  color(name) { return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim(); },

  drawCharts() {
    for (const [canvas, make] of R1.pending.splice(0)) {
      if (R1.drawn.has(canvas)) R1.drawn.get(canvas).chart.destroy();
      R1.drawn.set(canvas, { make, chart: new Chart(canvas, make()) });
    }
    for (const [canvas, entry] of R1.drawn)
      if (!canvas.isConnected) { entry.chart.destroy(); R1.drawn.delete(canvas); }
  },

  redrawCharts() {  // after the colours changed
    for (const [canvas, entry] of R1.drawn) { entry.chart.destroy(); entry.chart = new Chart(canvas, entry.make()); }
  },

  // What all charts share.
  chartOptions(spec) {
    const ink = R1.color('soft'), line = R1.color('line');
    const axis = (title, format) => ({
      title: { display: Boolean(title), text: title, color: ink, font: { size: 11 } },
      ticks: { color: ink, font: { size: 11 }, maxRotation: spec.labels ? 60 : 0, autoSkip: !spec.labels, ...(format && { callback: format }) },
      grid: { color: line, borderColor: line },
    });
    const value = spec.percent ? (x) => Number((100 * x).toFixed(1)) + ' %' : (x) => R1.figure(x);
    return {
      responsive: true, maintainAspectRatio: false, animation: false, interaction: { mode: 'index', intersect: false },
      scales: {
        x: spec.labels ? axis(spec.xTitle) : { type: 'linear', ...axis(spec.xTitle || 'step', (x) => R1.figure(x)) },
        y: { ...axis(spec.yTitle, value), stacked: Boolean(spec.stacked), type: spec.log ? 'logarithmic' : 'linear',
          beginAtZero: !spec.log && spec.zero !== false, suggestedMax: spec.whole ? 1 : undefined },
      },
      plugins: {
        legend: { display: spec.series.length > 1, labels: { color: R1.color('ink'), usePointStyle: true, boxWidth: 8,
          boxHeight: 7, padding: 10, font: { size: 12 } } },
        tooltip: {
          filter: (item) => !item.dataset.quiet,
          callbacks: {
            title: (items) => (items.length === 0 ? '' : spec.labels ? items[0].label : 'step ' + R1.figure(items[0].parsed.x)),
            label: (item) => item.dataset.label + ': ' + R1.valueText(item.parsed.y, spec),
          },
        },
      },
    };
  },
  valueText(x, spec) { return spec.percent ? R1.percent(x) : R1.figure(x); },

  dataset(series, i, spec) {
    const color = R1.color('c' + (i % 10 + 1));
    const shapes = ['circle', 'rect', 'triangle', 'rectRot', 'cross', 'star'];
    const few = series.points.length <= 30;
    return {
      label: series.label, data: series.points, borderColor: color, backgroundColor: spec.stacked ? color + '66' : color,
      borderWidth: spec.stacked ? 1 : 2, pointStyle: shapes[i % 6], pointRadius: series.marks || few ? 3 : 0, pointHitRadius: 12,
      showLine: true, borderDash: spec.stacked ? [] : [[], [6, 3], [2, 3], [9, 3, 2, 3]][i % 4],
      fill: spec.stacked ? (i === 0 ? 'origin' : '-1') : false, tension: 0,
    };
  },

  // spec: {title, note, series: [{label, points: [{x, y}]}], percent, stacked, log, zero, yTitle}. null where nothing
  // was measured.
  curve(spec) {
    spec.series = spec.series.filter((s) => s.points && s.points.some((p) => R1.num(p.y) !== null));
    if (spec.series.length === 0) return null;
    return R1.chartCard(spec, () => ({
      type: 'line', data: { datasets: spec.series.map((s, i) => R1.dataset(s, i, spec)) }, options: R1.chartOptions(spec),
    }), () => R1.curveTable(spec));
  },

  chartCard(spec, make, table) {
    const canvas = R1.el('canvas', { role: 'img', 'aria-label': R1.chartWords(spec) });
    R1.pending.push([canvas, make]);
    const details = R1.el('details', {}, R1.el('summary', {}, 'Values as a table'));
    details.addEventListener('toggle', () => { if (details.childElementCount === 1) details.append(table()); });
    return R1.el('div', { class: 'card' }, R1.el('h3', {}, spec.title),
      R1.el('div', { class: 'chart' + (spec.tall ? ' tall' : '') }, canvas),
      spec.note && R1.el('p', { class: 'note' }, spec.note), details);
  },
  // For those who do not see the picture: where each curve begins and ends.
  chartWords(spec) {
    const words = spec.series.map((s) => {
      const first = s.points[0], last = s.points[s.points.length - 1];
      return s.label + ' from ' + R1.valueText(first.y, spec) + ' to ' + R1.valueText(last.y, spec);
    });
    return spec.title + ': ' + words.join('; ');
  },
  curveTable(spec) {
    const rows = new Map();
    spec.series.forEach((s, i) => s.points.forEach((p) => {
      if (!rows.has(p.x)) rows.set(p.x, new Array(spec.series.length).fill(null));
      rows.get(p.x)[i] = p.y;
    }));
    const steps = [...rows.keys()].sort((a, b) => a - b);
    const stride = Math.max(1, Math.ceil(steps.length / 60));
    const shown = steps.filter((_, i) => i % stride === 0 || i === steps.length - 1);
    return R1.el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': spec.title + ', values' },
      R1.el('table', {}, R1.el('thead', {}, R1.el('tr', {}, ['step', ...spec.series.map((s) => s.label)].map((h) =>
        R1.el('th', { scope: 'col' }, h)))), R1.el('tbody', {}, shown.map((step) => R1.el('tr', {},
        R1.el('th', { scope: 'row' }, R1.figure(step)),
        rows.get(step).map((y) => R1.el('td', {}, R1.valueText(y, spec))))))));
  },

  // Accuracy of each stage with its interval.
  intervalChart(title, stages) {
    const labels = stages.map((s) => s.name);
    const accuracies = stages.map((s) => R1.eval(s).accuracy);
    const spec = { title, labels, percent: true, whole: true, tall: true, note: 'Bars span the 95 % interval, marks are the measured share.',
      series: [{ label: 'right on held-out items', points: stages.map((s) => ({ x: s.name, y: R1.eval(s).accuracy })) }] };
    const table = () => R1.el('table', {}, R1.el('tbody', {}, stages.map((s) => R1.el('tr', {},
      R1.el('th', { scope: 'row' }, s.name), R1.el('td', {}, R1.percent(R1.eval(s).accuracy))))));
    return R1.chartCard(spec, () => ({
      data: { labels, datasets: [
        { type: 'line', label: 'right', data: accuracies, borderColor: R1.color('c1'), backgroundColor: R1.color('c1'),
          showLine: false, pointRadius: 5 },
        { type: 'bar', label: '95 %', quiet: true, data: stages.map((s) => R1.pair(R1.eval(s).ci95)), barThickness: 9,
          backgroundColor: R1.color('c1') + '66', borderRadius: 4, borderSkipped: false },
      ] },
      options: R1.chartOptions(spec),
    }), table);
  },

  // ---- the section of curves
  curvePanels(stage) {
    const get = (name, label, marks) => ({ label, points: R1.series(stage, name), marks });
    const words = R1.seriesNames(stage).filter((n) => n.startsWith('reflection/') && !['reflection/total', 'reflection/aha'].includes(n));
    const mean = (n) => { const p = R1.series(stage, n); return p.reduce((sum, q) => sum + q.y, 0) / p.length; };
    const often = words.filter((n) => mean(n) > 0).sort((a, b) => mean(b) - mean(a)).slice(0, 10);
    const radar = R1.seriesNames(stage).filter((n) => n.startsWith('radar/'));
    return [
      { title: 'Reward and accuracy', series: [get('reward', 'reward'), get('verdicts/correct', 'right while sampling'),
        get('eval_accuracy', 'right on held-out items', true)] },
      { title: 'Tokens of an answer', note: 'By correctness: growth that only wrong answers show is no reasoning.',
        series: [get('completions/mean_length', 'all'), get('completions/mean_length_correct', 'right'),
          get('completions/mean_length_wrong', 'wrong')] },
      { title: 'Words of reflection in an answer', stacked: true, note: 'The paper\'s words, mean count in a completion.',
        series: often.map((n) => get(n, n.slice('reflection/'.length))) },
      { title: 'Language', percent: true, whole: true, series: [get('language/consistency', 'words in the question\'s language'),
        get('language/mixed', 'answers of mixed language')] },
      { title: 'Changes of mind', percent: true, note: 'Answers that state a result, reflect, and state another.',
        series: [get('reflection/aha', 'share of answers')] },
      { title: 'Entropy', yTitle: 'nats a token', series: [get('entropy', 'entropy')] },
      { title: 'Distance from the reference', yTitle: 'nats a token', series: [get('kl', 'KL')] },
      { title: 'Clipped', percent: true, series: [get('clip_ratio/low_mean', 'ratio, low side'),
        get('clip_ratio/high_mean', 'ratio, high side'), get('completions/clipped_ratio', 'answers cut off at the limit')] },
      { title: 'Gradient norm', series: [get('grad_norm', 'before clipping')] },
      { title: 'Loss', zero: false, series: [get('loss', 'loss')] },
      { title: 'Learning rate', series: [get('learning_rate', 'learning rate')] },
      { title: 'Looking for reward hacks', series: radar.map((n) => get(n, n.slice('radar/'.length))) },
      { title: 'Collapse guard', note: 'Rollbacks to the last good checkpoint.', series: [get('guard/rollbacks', 'rollbacks')] },
      { title: 'Share of the machine\'s best', percent: true, series: [get('share/step', 'step'), get('share/update', 'update')] },
    ].map(R1.curve).filter(Boolean);
  },

  curveSection() {
    const stages = R1.data.stages.filter((s) => R1.list(s.curves).some((g) => g.x.length > 1));
    if (stages.length === 0) return null;
    const panels = R1.el('div', { class: 'grid' }), any = R1.el('div', {});
    const showAny = (stage, name) => {
      any.replaceChildren(...[R1.curve({ title: name, zero: false, series: [{ label: name, points: R1.series(stage, name) }] })].filter(Boolean));
      R1.drawCharts();
    };
    const show = (index) => {
      const stage = stages[index], names = R1.seriesNames(stage);
      const pick = R1.select('Any other metric', names.map((n) => [n, n]), (name) => showAny(stage, name));
      const details = R1.el('details', {}, R1.el('summary', {}, 'All ' + names.length + ' metrics of this stage'),
        R1.el('div', { class: 'bar' }, pick.node), any);
      details.addEventListener('toggle', () => { if (details.open) showAny(stage, pick.select.value); });
      any.replaceChildren();
      panels.replaceChildren(...R1.curvePanels(stage));
      more.replaceChildren(details);
      R1.drawCharts();
    };
    const more = R1.el('div', {});
    const start = Math.max(0, stages.findIndex((s) => R1.series(s, 'reward')));
    const pick = R1.select('Stage', stages.map((s, i) => [i, s.name]), show, start);
    R1.afterStart.push(() => show(pick.select.value));
    return R1.section('curves', 'While it learned', 'Every curve over the steps of one stage.',
      R1.el('div', { class: 'bar' }, pick.node), panels, more);
  },

  difficultySection() {
    const stages = R1.data.stages.filter((s) => R1.list(R1.eval(s).by_difficulty).length > 1);
    if (stages.length === 0) return null;
    const names = [...new Set(stages.flatMap((s) => R1.eval(s).by_difficulty.map((d) => String(R1.obj(d).difficulty))))];
    const chart = (title, key, percent) => {
      const series = stages.map((s) => ({ label: s.name, points: names.map((x) => ({ x,
        y: R1.num(R1.obj(R1.eval(s).by_difficulty.find((d) => String(R1.obj(d).difficulty) === x))[key]) })) }));
      const spec = { title, labels: names, percent, xTitle: 'difficulty', tall: true, series: series.filter((s) => s.points.some((p) => p.y !== null)) };
      if (spec.series.length === 0) return null;
      const table = () => R1.table(null, ['stage', ...names], spec.series.map((s) => ({ cells: [s.label, ...s.points.map((p) => R1.valueText(p.y, spec))] })), { class: '' });
      return R1.chartCard(spec, () => ({ type: 'line',
        data: { labels: names, datasets: spec.series.map((s, i) => R1.dataset({ ...s, points: s.points.map((p) => p.y) }, i, spec)) },
        options: R1.chartOptions(spec) }), table);
    };
    return R1.section('difficulty', 'By difficulty', 'Held-out items by how hard they are: reasoning pays where problems are hard.',
      R1.el('div', { class: 'grid' }, [chart('Right on held-out items', 'accuracy', true), chart('Tokens of an answer', 'mean_length', false)].filter(Boolean)));
  },
  afterStart: [],
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => R1.redrawCharts());
