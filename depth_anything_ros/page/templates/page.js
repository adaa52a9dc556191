'use strict';

// Tables: a heading sorts by its column, again the other way round; what is unknown stays last.
const collator = new Intl.Collator('en', {numeric: true});

function sortBy(table, column, descending) {
  const text = (row) => row.cells[column].textContent.trim();
  const rows = [...table.tBodies[0].rows];
  const known = rows.filter((row) => !['–', '-', ''].includes(text(row)));
  const unknown = rows.filter((row) => !known.includes(row));
  const numbers = known.every((row) => !Number.isNaN(parseFloat(text(row))));
  known.sort((a, b) => numbers
    ? parseFloat(text(a)) - parseFloat(text(b))
    : collator.compare(text(a), text(b)));
  if (descending) known.reverse();
  table.tBodies[0].append(...known, ...unknown);
}

for (const table of document.querySelectorAll('table.grid')) {
  if (table.tBodies[0].rows.length < 2) continue;
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener('click', () => {
      const descending = heading.getAttribute('aria-sort') === 'ascending';
      headings.forEach((other) => other.removeAttribute('aria-sort'));
      heading.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      sortBy(table, column, descending);
    });
  });
}

// Charts: the pointer, or the arrow keys, show the numbers nearest in x.
function placeOf(axis, value) {
  return axis.log
    ? Math.log(value / axis.low) / Math.log(axis.high / axis.low)
    : (value - axis.low) / (axis.high - axis.low);
}

function valueAt(axis, place) {
  return axis.log
    ? axis.low * (axis.high / axis.low) ** place
    : axis.low + place * (axis.high - axis.low);
}

function told(axis, value) {
  const named = axis.names.find(([at]) => at === value);
  if (named) return named[1];
  const number = String(Number(value.toPrecision(4)));
  return axis.unit ? `${number} ${axis.unit}` : number;
}

function nearest(values, wanted) {
  const distances = values.map((value) => value === null ? Infinity : Math.abs(value - wanted));
  return distances.indexOf(Math.min(...distances));
}

function add(parent, kind, text = '') {
  const made = document.createElement('div');
  made.className = kind;
  made.textContent = text;
  parent.append(made);
  return made;
}

class Reader {
  constructor(chart) {
    this.chart = chart;
    this.plot = chart.querySelector('.plot');
    this.shown = [];
    for (const kind of ['pointermove', 'pointerdown']) {
      this.plot.addEventListener(kind, (event) => this.follow(event));
    }
    this.plot.addEventListener('pointerleave', () => this.clear());
    chart.addEventListener('blur', () => this.clear());
    chart.addEventListener('keydown', (event) => this.step(event));
  }

  get data() {
    if (!this.parsed) {
      this.parsed = JSON.parse(this.chart.dataset.chart);
      // Where a series has no number it has no place either.
      for (const series of this.parsed.series) {
        series.x = series.x.map((x, index) => series.y[index] === null ? null : x);
      }
      const all = this.parsed.series.flatMap((series) => series.x.filter((x) => x !== null));
      this.parsed.stops = [...new Set(all)].sort((a, b) => a - b);
    }
    return this.parsed;
  }

  follow(event) {
    const box = this.plot.getBoundingClientRect();
    const {x, stops} = this.data;
    this.show(nearest(stops, valueAt(x, (event.clientX - box.left) / box.width)));
  }

  step(event) {
    const last = this.data.stops.length - 1;
    const at = this.at;
    const moves = {
      ArrowLeft: (at ?? last + 1) - 1, ArrowRight: (at ?? -1) + 1, Home: 0, End: last,
    };
    if (event.key === 'Escape') this.clear();
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.show(Math.min(last, Math.max(0, moves[event.key])));
  }

  show(at) {
    this.clear();
    const {x, y, series: all, stops} = this.data;
    if (!stops.length) return;
    this.at = at;
    const wanted = stops[at];
    const place = placeOf(x, wanted);
    this.put('pointer', place);
    const reading = this.put('reading');
    reading.setAttribute('role', 'status');
    const head = add(reading, 'head', `${x.names.length ? '' : `${x.label} `}${told(x, wanted)}`);
    for (const series of all) {
      const index = nearest(series.x, wanted);
      // Series of other stamps have no number here, only near by.
      if (index < 0 || Math.abs(placeOf(x, series.x[index]) - place) > 0.02) continue;
      const value = series.y[index];
      this.put(`spot c${series.colour}`, placeOf(x, series.x[index]), placeOf(y, value));
      const range = series.low
        ? ` (${told(y, series.low[index])} … ${told(y, series.high[index])})` : '';
      const name = all.length > 1 ? `${series.name}: ` : '';
      add(reading, `c${series.colour}`, `${name}${told(y, value)}${range}`);
      if (series.edges) {
        head.textContent = [0, 1].map((i) => told(x, series.edges[index + i])).join(' … ');
      }
    }
    reading.classList.add(place < 0.5 ? 'right' : 'left');
  }

  put(kind, place, height) {
    const made = add(this.plot, kind);
    if (place !== undefined) made.style.left = `${100 * place}%`;
    if (height !== undefined) made.style.bottom = `${100 * height}%`;
    this.shown.push(made);
    return made;
  }

  clear() {
    this.shown.splice(0).forEach((part) => part.remove());
    this.at = undefined;
  }
}

document.querySelectorAll('[data-chart]').forEach((chart) => new Reader(chart));
