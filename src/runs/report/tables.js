// Tables: the stages as in the paper, distillation, cost, what was rejected, and where everything comes from.
Object.assign(R1, {
  accuracyCell(stage) {
    const e = R1.eval(stage), ci = R1.pair(e.ci95);
    if (R1.num(e.accuracy) === null) return null;
    const small = [ci && (100 * ci[0]).toFixed(1) + ' to ' + (100 * ci[1]).toFixed(1), R1.num(e.rows) && 'n = ' + R1.figure(e.rows)];
    return R1.withSmall(R1.percent(e.accuracy), small.filter(Boolean).join(', '));
  },
  generalCell(stage) {
    const g = R1.obj(R1.eval(stage).general), ci = R1.pair(g.ci95);
    if (R1.num(g.accuracy) === null) return null;
    return R1.withSmall(R1.percent(g.accuracy), ci ? (100 * ci[0]).toFixed(1) + ' to ' + (100 * ci[1]).toFixed(1) : '');
  },
  lengthCell(stage) {
    const e = R1.eval(stage);
    if (R1.num(e.mean_length) === null) return null;
    const parts = [R1.num(e.mean_length_correct) !== null && 'right ' + R1.fixed(e.mean_length_correct, 0),
      R1.num(e.mean_length_wrong) !== null && 'wrong ' + R1.fixed(e.mean_length_wrong, 0)];
    return R1.withSmall(R1.fixed(e.mean_length, 1), parts.filter(Boolean).join(', '));
  },
  statusText(stage) {
    const facts = R1.facts(stage), gate = R1.obj(facts.gate), out = [];
    if (R1.str(facts.status) && facts.status !== 'done') out.push(facts.status);
    if (typeof gate.passed === 'boolean') out.push('gate ' + R1.str(gate.rule) + (gate.passed ? ' passed' : ' not passed'));
    return out.join('; ');
  },

  stageSection() {
    const { stages } = R1.data;
    if (stages.length === 0) return null;
    const measured = stages.filter((s) => R1.num(R1.eval(s).accuracy) !== null);
    const best = Math.max(...measured.map((s) => R1.eval(s).accuracy));
    const columns = [
      ['Right on held-out items', R1.accuracyCell],
      ['pass@k', (s) => { const e = R1.eval(s); return R1.num(e.pass_at_k) === null ? null : R1.withSmall(R1.percent(e.pass_at_k), 'k = ' + R1.figure(e.k)); }],
      ['Tokens of an answer', R1.lengthCell],
      ['Reflection words', (s) => (R1.num(R1.eval(s).reflections) === null ? null : R1.fixed(R1.eval(s).reflections, 2))],
      ['Language consistency', (s) => { const e = R1.eval(s); return R1.num(e.language_consistency) === null ? null
        : R1.withSmall(R1.fixed(e.language_consistency, 3), R1.num(e.mixed) === null ? '' : R1.percent(e.mixed) + ' mixed'); }],
      ['General', R1.generalCell],
      ['Preferred', (s) => { const e = R1.eval(s), ci = R1.pair(e.win_rate_ci95), against = R1.str(R1.obj(e.preference).against);
        return R1.num(e.win_rate) === null ? null : R1.withSmall(R1.percent(e.win_rate), [against && 'against ' + against,
          ci && R1.percent(ci[0]) + ' to ' + R1.percent(ci[1])].filter(Boolean).join(', ')); }],
      ['Time', (s) => (R1.num(R1.facts(s).seconds) === null ? null : R1.duration(R1.facts(s).seconds))],
    ];
    const name = (s) => R1.withSmall(s.name, [R1.kind(s), R1.str(R1.facts(s).from) && 'from ' + R1.facts(s).from,
      R1.statusText(s)].filter(Boolean).join(', '));
    const table = R1.table(measured.length > 0 ? 'Shares on held-out items with their 95 % interval; the best is tinted.' : null,
      ['Stage', ...columns.map(([head]) => head)],
      stages.map((s) => ({ class: measured.length > 1 && R1.eval(s).accuracy === best ? 'best' : null,
        cells: [name(s), ...columns.map(([, read]) => read(s))] })));
    return R1.section('stages', 'Stage by stage', measured.length > 0
      ? 'The same held-out problems after every stage, one answer each.' : 'No stage was measured on held-out problems.',
    R1.el('div', { class: 'card bare' }, table),
    measured.length > 1 && R1.intervalChart('What each stage brought', measured));
  },

  // Students: stages that distil, and those that began with the same model but learned otherwise.
  distillSection() {
    const { stages } = R1.data, distilled = stages.filter((s) => R1.kind(s).includes('distil') || /distil/i.test(s.name));
    if (distilled.length === 0) return null;
    const begins = new Set(distilled.map((s) => R1.str(R1.facts(s).from)).filter(Boolean));
    const rest = stages.filter((s) => !distilled.includes(s) && (begins.has(R1.str(R1.facts(s).from)) || begins.has(s.name) || /student/i.test(s.name)));
    const students = [...distilled, ...rest];
    const teacher = [...stages].reverse().find((s) => !students.includes(s) && R1.num(R1.eval(s).accuracy) !== null);
    const how = (s) => (s === teacher ? 'the teacher' : distilled.includes(s)
      ? R1.kind(s).replace(/[_-]/g, ' ') + ', from ' + R1.str(R1.facts(s).from) : begins.has(s.name) ? 'before learning'
        : R1.kind(s) === 'grpo' ? 'RL alone' : R1.kind(s));
    const rows = [...(teacher ? [teacher] : []), ...students].map((s) => ({ cells: [s.name, how(s), R1.accuracyCell(s), R1.lengthCell(s),
      R1.big(R1.facts(s).flops, 'FLOP'), R1.duration(R1.facts(s).seconds)] }));
    return R1.section('distillation', 'Small students', 'Learning from the teacher\'s answers beside reinforcement learning alone, on the same small model.',
      R1.el('div', { class: 'card bare' }, R1.table(null, ['Model', { label: 'How it learned', text: true }, 'Right on held-out items',
        'Tokens of an answer', 'Computed', 'Time'], rows)));
  },

  costSection() {
    const { stages } = R1.data;
    const spent = stages.filter((s) => R1.num(R1.facts(s).seconds) !== null || R1.num(R1.facts(s).flops) !== null);
    if (spent.length === 0) return null;
    const byName = new Map(stages.map((s) => [s.name, s]));
    const rows = spent.map((s) => {
      const f = R1.facts(s), before = byName.get(R1.str(f.from));
      const gain = before && R1.num(R1.eval(s).accuracy) !== null && R1.num(R1.eval(before).accuracy) !== null
        ? 100 * (R1.eval(s).accuracy - R1.eval(before).accuracy) : null;
      const per = (x, show) => (gain !== null && gain >= 0.1 && R1.num(x) !== null ? show(x / gain) : null);
      return { cells: [s.name, R1.duration(f.seconds), R1.num(f.flops) === null ? null : R1.big(f.flops, 'FLOP'), R1.num(f.tokens) === null ? null : R1.big(f.tokens),
        gain === null ? null : R1.withSmall((gain >= 0 ? '+' : '−') + Math.abs(gain).toFixed(1), 'over ' + before.name),
        per(f.seconds, (x) => (x < 10 ? x.toFixed(1) + 's' : R1.duration(x))), per(f.flops, (x) => R1.big(x, 'FLOP'))] };
    });
    const sum = (key) => spent.reduce((n, s) => n + (R1.num(R1.facts(s)[key]) || 0), 0);
    rows.push({ class: 'best', cells: ['together', R1.duration(sum('seconds')), R1.big(sum('flops') || null, 'FLOP'), sum('tokens') ? R1.big(sum('tokens')) : null, null, null, null] });
    return R1.section('cost', 'What it cost', 'Time and arithmetic of each stage, and of each point of accuracy it won over the model it began with.',
      R1.el('div', { class: 'card bare' }, R1.table('A stage that won less than a tenth of a point has no price of a point.',
        ['Stage', 'Time', 'Computed', 'Tokens', 'Points won', 'Time a point', 'Computed a point'], rows)));
  },

  rejectSection() {
    const stages = R1.data.stages.filter((s) => Object.keys(R1.obj(s.rejected)).length > 0);
    return R1.section('rejected', 'Kept and dropped', 'Counts of the stages that choose among their samples.', stages.map((s) =>
      R1.el('div', { class: 'card' }, R1.el('h3', {}, s.name), R1.pairs(s.rejected))));
  },

  pairs(object) {
    const text = (x) => (x === null || x === undefined ? '–' : typeof x === 'number' ? R1.figure(x)
      : Array.isArray(x) ? x.map(text).join(', ') : typeof x === 'object' ? Object.entries(x).map(([k, v]) => k + ' ' + text(v)).join(', ') : String(x));
    return R1.el('dl', { class: 'pairs' }, Object.entries(R1.obj(object)).map(([key, value]) =>
      [R1.el('dt', {}, key.replace(/_/g, ' ')), R1.el('dd', {}, text(value))]));
  },

  sourceSection() {
    const { data } = R1, facts = R1.obj(data.facts);
    const general = Object.fromEntries(['recipe', 'seed', 'version', 'digest'].filter((k) => facts[k] !== undefined).map((k) => [k, typeof facts[k] === 'number' ? String(facts[k]) : facts[k]]));
    const rest = Object.fromEntries(Object.entries(facts).filter(([k]) => !['recipe', 'seed', 'version', 'digest', 'machine', 'seconds'].includes(k)));
    const stage = (s) => R1.el('details', {}, R1.el('summary', {}, s.name),
      R1.pairs({ model: R1.facts(s).model, 'key of what went in': R1.facts(s).key, ...R1.obj(R1.facts(s).artefacts) }),
      R1.str(s.recipe) ? R1.el('pre', { class: 'clip', tabindex: '0' }, s.recipe) : R1.el('p', { class: 'note' }, 'Its recipe.toml is not here.'));
    return R1.section('source', 'Where it comes from', 'Enough to make it again, to the last bit on the same machine.',
      Object.keys(general).length > 0 && R1.el('div', { class: 'card' }, R1.el('h3', {}, 'Run'), R1.pairs({ ...general, ...rest })),
      Object.keys(R1.obj(facts.machine)).length > 0 && R1.el('div', { class: 'card' }, R1.el('h3', {}, 'Machine'), R1.pairs(facts.machine)),
      data.stages.length > 0 && R1.el('div', { class: 'card' }, R1.el('h3', {}, 'Recipe, model and digests of each stage'), data.stages.map(stage)),
      data.notes.length > 0 && R1.el('div', { class: 'card' }, R1.el('h3', {}, 'Notes'), R1.el('ul', {}, data.notes.map((n) => R1.el('li', {}, n)))));
  },
});
