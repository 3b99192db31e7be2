// Answers of the model, read: one problem over the steps, changes of mind, and a chain of thought step by step.
Object.assign(R1, {
  lexicon: /\b(?:wait|mistake|however|but|retry|error|verify|wrong|evaluate|check)\b|等一下|等等|不对|但是|然而|检查|验证|重新/gi,

  // The text with its words of reflection marked.
  marked(text) {
    const out = [];
    let at = 0;
    for (const match of text.matchAll(R1.lexicon)) {
      out.push(text.slice(at, match.index), R1.el('mark', {}, match[0]));
      at = match.index + match[0].length;
    }
    return [...out, text.slice(at)];
  },
  promptCard(prompt) {
    const text = R1.str(prompt).trim();
    return R1.el('div', { class: 'prompt thought' }, text.length > 1200 ? text.slice(0, 600) + '\n[…]\n' + text.slice(-600) : text);
  },
  oneLine(text, most) {
    const line = R1.str(text).replace(/\s+/g, ' ').trim();
    return line.length > most ? '…' + line.slice(-most) : line;
  },
  // A prompt's question, without what every prompt has around it.
  question(prompt, most) {
    const text = R1.str(prompt).replace(/\s*(?:Assistant:|<\|im_end\|>\s*<\|im_start\|>assistant)?\s*(?:<think>)?\s*$/, '');
    return R1.oneLine(text.split(/User:|<\|im_start\|>user/).pop(), most);
  },
  wordsOf(row) { return R1.list(row.reflections).map((r) => R1.str(r) || R1.str(R1.obj(r).word)).filter(Boolean); },

  // ---- one problem at several steps
  watchSection() {
    const stages = R1.data.stages.filter((s) => R1.list(s.watched).some((w) => R1.list(w.at).length > 0));
    if (stages.length === 0) return null;
    const body = R1.el('div', {}), problems = R1.el('div', { class: 'bar' });
    const columns = (item) => {
      const rows = R1.list(item.at), wanted = [0, 10, 100].map((step) => rows.reduce((best, row, i) =>
        (Math.abs(R1.num(row.step) - step) < Math.abs(R1.num(rows[best].step) - step) ? i : best), 0));
      wanted[2] = Math.max(wanted[2], rows.length - 1);
      const start = [...new Set(wanted)];
      return R1.el('div', { class: 'side ' + ['one', 'two', ''][start.length - 1] }, start.map((first, c) => {
        const shown = R1.el('div', {}), choices = rows.map((r, i) => [i, 'step ' + R1.figure(r.step)]);
        const show = (i) => {
          const row = rows[i], words = R1.wordsOf(row);
          shown.replaceChildren(R1.el('div', { class: 'tags' }, R1.outcomeTag(R1.str(row.outcome)),
            words.length > 0 && R1.tag(words.length + (words.length === 1 ? ' word' : ' words') + ' of reflection')),
          R1.el('div', { class: 'thought clip', tabindex: '0' }, R1.marked(R1.str(row.completion))));
        };
        const pick = R1.select('Column ' + (c + 1), choices, show, first);
        show(first);
        return R1.el('div', { class: 'card' }, pick.node, shown);
      }));
    };
    const showItem = (stage, i) => body.replaceChildren(R1.promptCard(stage.watched[i].prompt), columns(stage.watched[i]));
    const showStage = (index) => {
      const stage = stages[index];
      const pick = R1.select('Problem', stage.watched.map((w, i) => [i, (i + 1) + ': ' + R1.question(w.prompt, 60)]), (i) => showItem(stage, i));
      problems.replaceChildren(stagePick.node, pick.node);
      showItem(stage, 0);
    };
    const stagePick = R1.select('Stage', stages.map((s, i) => [i, s.name]), showStage);
    showStage(0);
    return R1.section('watch', 'One problem, watched', 'The same problem answered at several steps of the training, side by side.', problems, body);
  },

  // ---- changes of mind
  changeSection() {
    const found = R1.data.stages.flatMap((s) => R1.list(s.changes).map((row) => ({ stage: s, row })));
    if (found.length === 0) return null;
    const card = ({ stage, row }) => {
      const change = R1.obj(row.change), text = R1.str(row.completion);
      const behind = new TextDecoder().decode(new TextEncoder().encode(text).slice(0, R1.num(change.behind) || 0)).length;
      const word = R1.str(change.word);
      return R1.el('details', { class: 'card' },
        R1.el('summary', {}, R1.outcomeTag(R1.str(row.outcome)), ' ', R1.str(change.about) + ': ' + change.before + ' → ' + change.after,
          R1.el('small', { class: 'soft' }, ' “' + word + '”, ' + stage.name + ', step ' + R1.figure(row.step))),
        R1.promptCard(row.prompt),
        R1.el('div', { class: 'thought clip', tabindex: '0' }, text.slice(0, behind), R1.el('mark', {}, text.slice(behind, behind + word.length)), text.slice(behind + word.length)));
    };
    const all = R1.data.stages.reduce((n, s) => n + (R1.num(R1.obj(s.seen).changes) || 0), 0);
    const cards = found.map(card);
    cards[0].open = true;
    return R1.section('moments', '“Aha” moments', 'Samples that state a result, come to a word of reflection, and then state another result. ' +
      (all > found.length ? found.length + ' of the ' + R1.figure(all) + ' found.' : ''), cards.slice(0, 6),
      cards.length > 6 && R1.el('details', {}, R1.el('summary', {}, (cards.length - 6) + ' more'), cards.slice(6)));
  },

  // ---- chains of thought, taken apart
  thoughtSection() {
    const rowsOf = (s) => [...(R1.list(s.answers).length > 0 ? s.answers : R1.list(s.samples))];
    const stages = R1.data.stages.map((s) => ({ name: s.name, rows: rowsOf(s).sort((a, b) => R1.judged(b) - R1.judged(a)) }))
      .filter((s) => s.rows.length > 0);
    if (stages.length === 0) return null;
    const body = R1.el('div', {}), place = R1.el('span', { class: 'soft', 'aria-live': 'polite' });
    let rows = [], at = 0, heat = true;
    const show = () => {
      place.textContent = rows.length === 0 ? 'none' : (at + 1) + ' of ' + rows.length;
      back.disabled = at === 0;
      next.disabled = at >= rows.length - 1;
      body.replaceChildren(...(rows.length === 0 ? [] : [R1.thought(rows[at], heat)]));
    };
    const filter = () => {
      const all = stages[stage.select.value].rows, outcome = verdict.select.value;
      rows = all.filter((r) => outcome === 'all' || (outcome === 'correct' ? r.outcome === 'correct' : outcome === 'traced'
        ? R1.list(r.steps).length > 0 : r.outcome !== 'correct'));
      at = 0;
      show();
    };
    const traced = stages.findIndex((s) => s.rows.some((row) => R1.judged(row) > 0));  // says most
    const stage = R1.select('Stage', stages.map((s, i) => [i, s.name]), filter, traced >= 0 ? traced : stages.length - 1);
    const verdict = R1.select('Answers', [['all', 'all'], ['correct', 'right ones'], ['wrong', 'others'], ['traced', 'with judged steps']], filter);
    const back = R1.el('button', { type: 'button', onclick: () => { at--; show(); } }, '← Back');
    const next = R1.el('button', { type: 'button', onclick: () => { at++; show(); } }, 'Next →');
    const box = R1.el('input', { type: 'checkbox', checked: true, onchange: () => { heat = box.checked; show(); } });
    filter();
    return R1.section('thoughts', 'Chains of thought', 'Step by step: who says whether a step is right, how often the model still gets there from it, and how sure of each token it was.',
      R1.el('div', { class: 'bar' }, stage.node, verdict.node, back, next, R1.el('label', { class: 'check' }, box, 'tint tokens by how unlikely they were')), place, body);
  },

  judged(row) { return R1.list(row.steps).length > 0 ? 1 : 0; },

  thought(row, heat) {
    const tokens = R1.list(row.tokens).filter((t) => Array.isArray(t) && typeof t[0] === 'string' && R1.num(t[1]) !== null);
    const text = R1.str(row.completion), readout = R1.el('div', { class: 'readout', 'aria-live': 'polite' });
    const judged = R1.list(row.steps).filter((s) => R1.str(R1.obj(s).text)), error = R1.obj(row.first_error);
    const steps = judged.length > 0 ? judged : R1.linesOf(text).map((line) => ({ text: line }));
    const spans = R1.tokenSpans(text, tokens);
    const tags = R1.el('div', { class: 'tags' }, R1.outcomeTag(R1.str(row.outcome)),
      R1.num(row.step) !== null && R1.tag('step ' + R1.figure(row.step)),
      R1.str(row.extracted) && R1.tag('says ' + R1.oneLine(row.extracted, 40)),
      R1.str(row.reference) && R1.tag('it is ' + R1.oneLine(row.reference, 40)),
      R1.str(row.language) && R1.tag(row.language + (R1.num(row.consistency) === null ? '' : ', ' + R1.percent(row.consistency, 0) + ' consistent')),
      R1.str(row.reason) && R1.el('span', { class: 'soft' }, 'verdict: ' + row.reason));
    let from = 0;
    const items = steps.map((step, i) => {
      const begin = Math.max(from, text.indexOf(step.text, from)), end = begin + step.text.length;
      from = text.startsWith(step.text, begin) ? end : from;
      const inside = spans.filter((s) => s.from < end && s.from + s.text.length > begin).map((s) =>
        ({ ...s, text: s.text.slice(Math.max(0, begin - s.from), end - s.from) }));  // a token may reach over two steps
      const shown = heat && inside.length > 0 ? inside.map((s) => R1.tokenNode(s)) : R1.marked(step.text.replace(/\n+$/, ''));
      const bad = R1.num(error.step) === i;
      return R1.el('li', { class: bad ? 'first-error' : null }, R1.el('div', { class: 'thought' }, shown),
        judged.length > 0 && R1.stepSays(step), bad && R1.errorNote(row, error));
    });
    const list = R1.el('ol', { class: 'steps' + (judged.length > 0 ? '' : ' plain') }, items);
    R1.readTokens(list, readout);
    const legend = R1.el('span', { class: 'legend' }, 'probability of a token: 100 %', [0, 0.15, 0.3, 0.5].map((a) => {
      const box = R1.el('i', {});
      box.style.backgroundColor = 'rgba(' + R1.color('token') + ',' + a + ')';
      return box;
    }), 'under 2 %');
    return R1.el('article', { class: 'card' }, R1.promptCard(row.prompt), tags, heat && spans.length > 0 && legend,
      judged.length === 0 && R1.el('p', { class: 'note' }, 'Its steps were not judged.'), list, spans.length > 0 && readout);
  },

  // Without judged steps: paragraphs or lines, each with the line feeds behind it.
  linesOf(text) { return (text.match(/[^\n]+\n*|\n+/g) || []).slice(0, 400); },

  // Where each token stands in the text. A token that is part of a character (U+FFFD) takes what is left of it.
  tokenSpans(text, tokens) {
    const out = [];
    let at = 0;
    for (const [token, logp] of tokens) {
      let size = token.length;
      if (!text.startsWith(token, at)) {
        const next = token.includes('\uFFFD') ? at : text.indexOf(token, at);
        if (next < 0 || next > at + 40) continue;
        if (next === at) size = Math.min(1, text.length - at);
        at = next;
      }
      out.push({ from: at, text: text.slice(at, at + size), token, logp });
      at += size;
    }
    return out;
  },
  tokenNode(span) {
    const node = R1.el('span', { class: 'tok', 'data-logp': span.logp, title: R1.tokenWords(span.token, span.logp) }, span.text);
    node.style.backgroundColor = 'rgba(' + R1.color('token') + ',' + Math.min(0.5, Math.max(0, -span.logp) / 4 * 0.5).toFixed(3) + ')';
    return node;
  },
  tokenWords(token, logp) {
    return '“' + token.replace(/\n/g, '⏎') + '”: log-prob ' + R1.num(logp).toFixed(3) + ', probability ' + R1.percent(Math.exp(logp));
  },
  // The number of a token under the pointer, tapped, or walked to with the arrow keys.
  readTokens(list, readout) {
    const tokens = [...list.querySelectorAll('.tok')];
    if (tokens.length === 0) return;
    let now = -1;
    readout.textContent = 'Point at a token, tap it, or use the arrow keys.';
    const show = (i) => {
      if (now >= 0) tokens[now].classList.remove('now');
      now = i;
      tokens[i].classList.add('now');
      readout.textContent = R1.tokenWords(tokens[i].textContent, Number(tokens[i].dataset.logp));
    };
    const under = (event) => { const i = tokens.indexOf(event.target.closest('.tok')); if (i >= 0) show(i); };
    list.addEventListener('pointerover', under);
    list.addEventListener('click', under);
    list.tabIndex = 0;
    list.setAttribute('aria-label', 'the steps; arrow keys walk over the tokens');
    list.addEventListener('keydown', (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      show(Math.min(tokens.length - 1, Math.max(0, now + by)));
    });
  },

  // What is known of a step, and who says so.
  stepSays(step) {
    const verdict = (value) => (value === true || value === 'right' || value === 'correct' || value === 1 ? 'correct'
      : value === false || value === 'wrong' || value === 'incorrect' || value === 0 ? 'wrong' : '');
    const line = (who, value) => {
      if (value === null || value === undefined) return null;
      const known = verdict(value), share = !known && R1.num(value);
      return R1.el('div', {}, who + ' ', R1.el('strong', { class: known || null }, known === 'correct' ? '✓ right' : known === 'wrong' ? '✗ wrong'
        : R1.num(share) !== null && share !== false ? R1.percent(share, 0) + ' right' : R1.str(value) || 'unsure'));
    };
    const ci = R1.pair(step.ci95), parts = [line('checker:', step.exact), line('model itself:', step.self)];
    if (R1.num(step.value) !== null) {
      const interval = R1.el('i', {}), point = R1.el('b', {}), clamp = (x) => 100 * Math.min(1, Math.max(0, x));
      if (ci) { interval.style.left = clamp(ci[0]) + '%'; interval.style.right = 100 - clamp(ci[1]) + '%'; }
      point.style.left = 'calc(' + clamp(step.value) + '% - 1.5px)';
      parts.push(R1.el('div', {}, 'from here: ', R1.el('strong', {}, R1.percent(step.value, 0) + ' get there'),
        ci && ' (' + Math.round(100 * ci[0]) + ' to ' + Math.round(100 * ci[1]) + ')'),
      R1.el('div', { class: 'meter', 'aria-hidden': 'true' }, ci && interval, point));
    }
    return R1.el('div', { class: 'says' }, parts.filter(Boolean));
  },
  errorNote(row, error) {
    const repair = R1.obj(row.repair);
    return R1.el('div', { class: 'error-note' }, R1.el('strong', {}, 'First wrong step'),
      R1.str(error.by) && ', says ' + error.by, R1.num(error.confidence) !== null && ', ' + R1.percent(error.confidence, 0) + ' sure',
      R1.str(repair.text) && R1.el('div', { class: 'card' }, R1.el('div', { class: 'tags' }, R1.el('strong', {}, 'Repaired from here'),
        R1.str(repair.verdict) && R1.outcomeTag(repair.verdict)), R1.el('div', { class: 'thought' }, R1.marked(repair.text))));
  },
});
