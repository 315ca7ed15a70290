// Learning curves: a stretch of steps is enlarged, and the values at a step are read. The lines lie
// in an inner SVG whose view is moved; `data-steps` and `data-values` say what its units are.
{
  const CLOSEST = 100;
  const shorter = (value) => String(Number(value.toPrecision(4)));
  const create = (parent, name, attributes, text) => {
    const element = parent.appendChild(document.createElementNS(parent.namespaceURI, name));
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const pointsOf = (path) => {
    const points = [];
    let x = 0, y = 0;
    for (const [, kind, text] of path.getAttribute("d").matchAll(/([Ml])([^A-Za-z]*)/g)) {
      const found = text.match(/-?\d+/g).map(Number);
      for (let index = 0; index + 1 < found.length; index += 2) {
        [x, y] = kind === "M" ? [found[index], found[index + 1]] : [x + found[index], y + found[index + 1]];
        points.push([x, y]);
      }
    }
    return points;
  };
  // Round numbers between two ends.
  const roundNumbers = (low, high) => {
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10, 20].map((factor) => factor * power).find((size) => size >= rough);
    const found = [];
    for (let n = Math.ceil(low / step); n * step <= high && found.length < 9; n += 1) found.push(n * step);
    return found;
  };

  class Curve {
    constructor(plot) {
      this.plot = plot;
      this.inner = plot.querySelector(".lines");
      this.output = plot.parentElement.querySelector("output");
      this.whole = plot.parentElement.querySelector(".whole");
      this.box = ["x", "y", "width", "height"].map((name) => Number(this.inner.getAttribute(name)));
      this.view = this.all = this.inner.getAttribute("viewBox").split(" ").map(Number);
      this.steps = this.inner.dataset.steps.split(" ").map(Number);
      this.values = this.inner.dataset.values.split(" ").map(Number);
      this.logarithmic = "logarithmic" in this.inner.dataset;
      plot.tabIndex = 0;
      plot.setAttribute("aria-description", "Arrow keys read values, plus and minus enlarge, Escape shows all steps.");
      plot.addEventListener("pointerdown", (event) => this.press(event));
      plot.addEventListener("pointermove", (event) => this.move(event));
      plot.addEventListener("pointerup", (event) => this.release(event));
      plot.addEventListener("pointercancel", () => this.cancel());
      plot.addEventListener("pointerleave", () => this.leave());
      plot.addEventListener("blur", () => this.leave());
      plot.addEventListener("dblclick", () => this.show(0, this.all[2]));
      plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      plot.addEventListener("keydown", (event) => this.key(event));
      this.whole.addEventListener("click", () => { this.show(0, this.all[2]); plot.focus(); });
    }

    // Each path with its points, and the steps of all of them; read when they are needed.
    get paths() {
      return this.known ??= Array.from(this.inner.querySelectorAll("path"), (path) => [path, pointsOf(path)]);
    }
    get places() {
      return [...new Set(this.paths.flatMap(([, points]) => points.map(([x]) => x)))].sort((a, b) => a - b);
    }

    // Between the units of the lines and those of the plot.
    across(event) {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.plot.getScreenCTM().inverse());
      const share = Math.min(1, Math.max(0, (at.x - this.box[0]) / this.box[2]));
      return this.view[0] + share * this.view[2];
    }
    outside(x) { return this.box[0] + (x - this.view[0]) / this.view[2] * this.box[2]; }
    step(x) { return this.steps[0] + x * this.steps[1]; }
    height(value) {
      const [low, high] = this.values;
      return this.box[1] + ((1 - (value - low) / (high - low)) * this.all[3] - this.view[1]) / this.view[3] * this.box[3];
    }
    value(y) {
      const [low, high] = this.values, value = high - y / this.all[3] * (high - low);
      return this.logarithmic ? 10 ** value : value;
    }
    // With the digits that a line is drawn with.
    text(y) {
      const unit = (this.values[1] - this.values[0]) / this.all[3];
      if (this.logarithmic) return String(Number(this.value(y).toPrecision(Math.max(2, Math.floor(-Math.log10(2.3 * unit))))));
      return String(Number(this.value(y).toFixed(Math.min(20, Math.max(0, Math.floor(-Math.log10(unit)))))));
    }

    // Enlarge the steps from one place to another, with all values between them.
    show(from, to) {
      const least = this.all[2] / CLOSEST, middle = (from + to) / 2;
      const width = Math.min(this.all[2], Math.max(least, to - from));
      const left = Math.min(Math.max(0, middle - width / 2), this.all[2] - width);
      const enlarged = width < this.all[2];
      let [top, bottom] = [0, this.all[3]];
      if (enlarged) {
        const inside = this.paths.flatMap(([, points]) => points.filter(([x], index) =>
          [index - 1, index, index + 1].some((near) => points[near] && points[near][0] >= left && points[near][0] <= left + width)
        ).map(([, y]) => y));
        if (inside.length) {
          top = inside.reduce((a, b) => Math.min(a, b));
          bottom = inside.reduce((a, b) => Math.max(a, b));
          const room = Math.max(2, 0.05 * (bottom - top));
          [top, bottom] = [top - room, bottom + room];
        }
      }
      this.view = [left, top, width, bottom - top];
      this.inner.setAttribute("viewBox", this.view.join(" "));
      this.plot.classList.toggle("enlarged", enlarged);
      this.whole.hidden = !enlarged;
      this.label(enlarged);
      this.leave();
    }

    label(enlarged) {
      this.plot.querySelectorAll(".ticks.own").forEach((group) => group.remove());
      if (!enlarged) return;
      const [left, top, width, height] = this.box, group = create(this.plot, "g", { class: "ticks own" });
      const [low, high] = [this.view[1] + this.view[3], this.view[1]].map((y) => this.value(y));
      for (const step of roundNumbers(this.step(this.view[0]), this.step(this.view[0] + this.view[2]))) {
        const x = this.outside((step - this.steps[0]) / this.steps[1]);
        create(group, "path", { class: "axis", d: `M${x} ${top + height}v4` });
        create(group, "text", { x, y: top + height + 17, "text-anchor": "middle" }, shorter(step));
      }
      const decades = this.logarithmic && high > 20 * low;
      const values = decades
        ? roundNumbers(Math.log10(low), Math.log10(high)).filter(Number.isInteger).map((power) => 10 ** power)
        : roundNumbers(low, high);
      for (const value of values) {
        const y = this.height(this.logarithmic ? Math.log10(value) : value);
        create(group, "path", { class: "axis", d: `M${left} ${y}h-4` });
        create(group, "text", { x: left - 7, y: y + 4, "text-anchor": "end" }, shorter(value));
      }
    }

    // The values at the recorded step that is nearest to a place.
    read(x) {
      const at = this.places.reduce((a, b) => Math.abs(b - x) < Math.abs(a - x) ? b : a, Infinity);
      this.leave();
      if (at < this.view[0] || at > this.view[0] + this.view[2]) return;
      this.place = at;
      const [, top, , height] = this.box;
      this.mark = create(this.plot, "path", { class: "cursor", d: `M${this.outside(at)} ${top}v${height}` });
      const near = 0.02 * this.view[2], found = [];
      for (const [path, points] of this.paths) {
        const here = points.filter(([place]) => Math.abs(place - at) <= near);
        if (!here.length) continue;
        const closest = here.reduce((a, b) => Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a)[0];
        const values = here.filter(([place]) => place === closest).map(([, y]) => this.text(y));
        const name = path.dataset.seed === undefined ? this.inner.dataset.other : "seed " + path.dataset.seed;
        if (path.classList.contains("band")) found.push(name + " " + values.reverse().join(" to "));
        else if (path.classList.contains("before")) found.push(name + "'s mean " + values[0]);
        else found.push(name + " " + values[0]);
      }
      this.output.textContent = "step " + shorter(this.step(at)) + ": " + found.join(", ");
    }
    leave() {
      if (this.mark) this.mark.remove();
      this.mark = undefined;
      this.output.textContent = "";
    }

    press(event) {
      if (event.button !== 0) return;
      this.start = this.across(event);
      this.plot.setPointerCapture(event.pointerId);
      const [, y, , height] = this.box;
      this.chosen = create(this.plot, "rect", { class: "chosen", x: this.outside(this.start), y, width: 0, height });
    }
    move(event) {
      const x = this.across(event);
      if (this.start === undefined) {
        this.read(x);
        return;
      }
      const [from, to] = [this.start, x].sort((a, b) => a - b).map((place) => this.outside(place));
      this.chosen.setAttribute("x", from);
      this.chosen.setAttribute("width", to - from);
    }
    release(event) {
      if (this.start === undefined) return;
      const [from, to] = [this.start, this.across(event)].sort((a, b) => a - b);
      this.cancel();
      if (this.outside(to) - this.outside(from) > 5) this.show(from, to);
    }
    cancel() {
      if (this.chosen) this.chosen.remove();
      this.chosen = this.start = undefined;
      this.leave();
    }
    // Half or twice as wide, a place staying where it is.
    scale(factor, x) {
      const from = x - (x - this.view[0]) * factor;
      this.show(from, from + this.view[2] * factor);
    }
    wheel(event) {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.scale(event.deltaY > 0 ? 1.25 : 0.8, this.across(event));
    }
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const [left, , width] = this.view, place = this.mark ? this.place : undefined;
      const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (turn) {
        const inside = this.places.filter((x) => x >= left && x <= left + width);
        const index = inside.indexOf(place);
        const next = place === undefined ? inside[turn > 0 ? 0 : inside.length - 1] : inside[index + turn] ?? place;
        this.read(next);
      } else if ("+=-".includes(event.key)) {
        const middle = place ?? left + width / 2;
        this.scale(event.key === "-" ? 2 : 0.5, middle);
        if (place !== undefined) this.read(place);
      } else if (event.key === "Escape") {
        this.show(0, this.all[2]);
      } else {
        return;
      }
      event.preventDefault();
    }
  }

  window.prepareCurves = (root) => {
    for (const plot of root.querySelectorAll("svg.curve")) {
      if (!plot.hasAttribute("tabindex")) new Curve(plot);
    }
  };
  prepareCurves(document);
}
