// The camera's picture with places drawn over it. Draws what the server says and tells it what hands do: `add`, `corner`,
// `insert`, `remove_corner`, `shift`, `nudge`, `remove`, `flip`, `select`, `tool`, `undo`, `redo`.
// Points are shares (0..1) of the picture's width and height; `w` and `h` are its pixels.
const DRAG_PX = 5; // on the screen: less is a click
const CLOSE_PX = 14; // so near to its first corner a polygon is closed
const STEP = 0.005, LEAP = 0.05; // of the picture, by arrow keys, with Shift
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export default {
  template: `
<div class="mw-stage mw-ed-stage" :style="{ aspectRatio: w + ' / ' + h }">
  <svg ref="svg" :class="{ 'mw-ed-drawing': tool }" :viewBox="'0 0 ' + w + ' ' + h" role="group" :aria-label="said.picture" :data-seq="seq"
       @pointerdown="down" @pointermove="move" @pointerup="up" @pointercancel="stop" @dblclick.prevent="close" @keydown="key">
    <image v-if="src" :href="src" x="0" y="0" :width="w" :height="h" preserveAspectRatio="none"/>
    <g v-for="(each, n) in people" :key="'p' + n" :class="['mw-ed-person', 'mw-' + each.label, { 'mw-ed-out': !each.counted }]">
      <rect :x="each.box[0]" :y="each.box[1]" :width="each.box[2] - each.box[0]" :height="each.box[3] - each.box[1]"/>
      <text :x="each.box[0]" :y="each.box[1] > 20 * unit ? each.box[1] - 5 * unit : each.box[3] + 15 * unit" :font-size="13 * unit" :stroke-width="3 * unit">{{ each.said }}</text>
    </g>
    <g v-for="place in shown" :key="place.number" :class="['mw-ed-place', 'mw-ed-' + place.kind, { 'mw-ed-on': place.number === on }]">
      <template v-if="place.kind === 'line'">
        <line class="mw-ed-shape" v-bind="ends(place)"/>
        <line class="mw-ed-hit" v-bind="ends(place)" tabindex="0" role="button" :aria-label="place.said" :data-place="place.number" @focus="choose(place.number)"/>
        <g class="mw-ed-arrow" tabindex="0" role="button" :aria-label="said.flip + ': ' + place.said" :data-flip="place.number" @focus="choose(place.number)">
          <line v-bind="arrow(place).shaft"/><polygon :points="arrow(place).head"/>
          <text v-bind="arrow(place).at" :font-size="13 * unit" :stroke-width="3 * unit">{{ said.leaving }}</text>
        </g>
      </template>
      <polygon v-else class="mw-ed-shape" :points="outline(place.points)" tabindex="0" role="button" :aria-label="place.said" :data-place="place.number" @focus="choose(place.number)"/>
      <text class="mw-ed-name" :x="top(place)[0]" :y="top(place)[1] - 8 * unit > 12 * unit ? top(place)[1] - 8 * unit : top(place)[1] + 20 * unit" :font-size="13 * unit" :stroke-width="3 * unit">{{ place.name || said.ignore }}</text>
      <template v-if="place.number === on">
        <template v-if="place.kind !== 'line'">
          <g v-for="(point, n) in place.points" :key="'e' + n" class="mw-ed-plus" :data-place="place.number" :data-edge="n">
            <circle v-bind="middle(place, n)" :r="9 * unit" :data-place="place.number" :data-edge="n"/>
            <path :d="cross(middle(place, n))" :data-place="place.number" :data-edge="n"/>
          </g>
        </template>
        <g v-for="(point, n) in place.points" :key="'c' + n">
          <circle class="mw-ed-corner" :cx="point[0] * w" :cy="point[1] * h" :r="6.5 * unit"/>
          <circle class="mw-ed-grip" :cx="point[0] * w" :cy="point[1] * h" :r="14 * unit" tabindex="0" role="button" :data-place="place.number" :data-corner="n"
                  :aria-label="said.corner + ' ' + (n + 1) + ', ' + (place.name || said.ignore)"/>
        </g>
      </template>
    </g>
    <g v-if="draft.length" class="mw-ed-draft">
      <polyline :points="outline(trail)"/>
      <circle v-for="(point, n) in draft" :key="n" :cx="point[0] * w" :cy="point[1] * h" :r="(n ? 4 : 7) * unit"/>
    </g>
  </svg>
  <p v-if="why" class="mw-ed-why">{{ why }}</p>
</div>`,
  props: { w: Number, h: Number, places: Array, selected: Number, tool: String, people: Array, said: Object, why: String },
  emits: ["add", "corner", "insert", "remove_corner", "shift", "nudge", "remove", "flip", "select", "tool", "undo", "redo"],
  data: () => ({ src: "", seq: "", unit: 1, on: null, draft: [], pointer: null, drag: null, local: null, refocus: null }),
  computed: {
    shown() { // the selected one on top, and while a hand moves it where the hand has it
      return this.places.map((place) => (this.local?.number === place.number ? { ...place, points: this.local.points } : place));
    },
    trail() {
      return this.pointer ? [...this.draft, this.pointer] : this.draft;
    },
  },
  watch: {
    selected() { this.on = this.selected; },
    places() {
      if (!this.drag) this.local = null;
      if (this.refocus) this.$nextTick(() => { // what had the focus is gone: the next one takes it
        const { number, corner } = this.refocus;
        this.refocus = null;
        const points = this.places.find((place) => place.number === number)?.points;
        const next = points ? `[data-place="${number}"][data-corner="${Math.min(corner, points.length - 1)}"]` : "[tabindex]";
        this.$refs.svg.querySelector(next)?.focus();
      });
    },
    tool() { this.stop(); },
    w() { this.$nextTick(this.measure); },
  },
  mounted() {
    this.on = this.selected;
    this.sized = new ResizeObserver(() => this.measure());
    this.sized.observe(this.$refs.svg);
    this.measure();
    window.addEventListener("keydown", this.undoKey);
  },
  unmounted() {
    this.sized.disconnect();
    window.removeEventListener("keydown", this.undoKey);
  },
  methods: {
    picture(src, seq) { this.src = src; this.seq = String(seq); },
    measure() { this.unit = Math.max(this.w / (this.$refs.svg?.clientWidth || 1), 0.001); }, // pixels of the picture to one of the screen
    at(event) {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.$refs.svg.getScreenCTM().inverse());
      return [Math.min(Math.max(point.x / this.w, 0), 1), Math.min(Math.max(point.y / this.h, 0), 1)];
    },
    outline(points) { return points.map(([x, y]) => `${x * this.w},${y * this.h}`).join(" "); },
    ends({ points: [[x1, y1], [x2, y2]] }) { return { x1: x1 * this.w, y1: y1 * this.h, x2: x2 * this.w, y2: y2 * this.h }; },
    top({ points }) { const [x, y] = points.reduce((a, b) => (b[1] < a[1] ? b : a)); return [Math.min(x * this.w, this.w - 90 * this.unit), y * this.h]; },
    middle({ points }, n) {
      const [a, b] = [points[n], points[(n + 1) % points.length]];
      return { cx: ((a[0] + b[0]) / 2) * this.w, cy: ((a[1] + b[1]) / 2) * this.h };
    },
    cross({ cx, cy }) { const r = 5 * this.unit; return `M${cx - r} ${cy}H${cx + r}M${cx} ${cy - r}V${cy + r}`; },
    arrow(place) { // from the middle to the side where people have left; seen along the line, right is (-dy, dx), as y points down
      const { x1, y1, x2, y2 } = this.ends(place);
      const length = Math.hypot(x2 - x1, y2 - y1) || 1, side = place.leaving === "right" ? 1 : -1;
      const [nx, ny] = [(side * -(y2 - y1)) / length, (side * (x2 - x1)) / length];
      const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2], reach = 42 * this.unit, r = 9 * this.unit;
      const [tx, ty] = [mx + nx * reach, my + ny * reach];
      const head = [[tx + nx * r, ty + ny * r], [tx - ny * r, ty + nx * r], [tx + ny * r, ty - nx * r]];
      return {
        shaft: { x1: mx, y1: my, x2: tx, y2: ty },
        head: head.map((point) => point.join(",")).join(" "),
        at: { x: tx + nx * 16 * this.unit + 8 * this.unit, y: ty + ny * 20 * this.unit + 5 * this.unit },
      };
    },
    choose(number) {
      if (this.on === number) return;
      this.on = number;
      this.$emit("select", number);
    },
    down(event) {
      if (event.button !== 0) return;
      const { place, corner, edge, flip } = event.target.dataset;
      const from = this.at(event), x = event.clientX, y = event.clientY;
      if (this.tool) this.drag = { draws: true, begun: this.draft.length > 0, from, x, y };
      else if (event.target.closest("[data-flip]")) this.drag = { flip: Number(event.target.closest("[data-flip]").dataset.flip), x, y };
      else if (place !== undefined) {
        const number = Number(place), points = this.places.find((each) => each.number === number).points;
        this.drag = { number, corner, edge, from, points, x, y };
        this.choose(number);
      } else {
        this.drag = { away: true, x, y };
        return; // a finger that starts beside all places scrolls the page
      }
      this.$refs.svg.setPointerCapture(event.pointerId);
    },
    move(event) {
      const drag = this.drag;
      if (this.tool && this.draft.length) this.pointer = this.at(event);
      if (!drag) return;
      drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= DRAG_PX;
      if (!drag.moved || drag.away || drag.flip !== undefined) return;
      const to = this.at(event);
      if (drag.draws) {
        if (drag.begun) return; // corner by corner
        drag.spans = this.tool === "line" ? [drag.from, to] : [drag.from, [to[0], drag.from[1]], to, [drag.from[0], to[1]]];
        this.draft = drag.spans;
        this.pointer = this.tool === "line" ? null : drag.from;
      } else this.local = { number: drag.number, points: this.dragged(drag, to) };
    },
    dragged({ points, corner, edge, from }, to) {
      if (corner !== undefined) return points.map((point, n) => (n === Number(corner) ? to : point));
      if (edge !== undefined) return points.toSpliced(Number(edge) + 1, 0, to);
      const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
      const right = Math.min(Math.max(to[0] - from[0], -Math.min(...xs)), 1 - Math.max(...xs));
      const down = Math.min(Math.max(to[1] - from[1], -Math.min(...ys)), 1 - Math.max(...ys));
      return points.map(([x, y]) => [x + right, y + down]);
    },
    up(event) {
      const drag = this.drag;
      this.drag = null;
      if (!drag) return;
      const to = this.at(event);
      if (drag.draws) return this.drawn(drag, to, event);
      if (drag.flip !== undefined) return drag.moved || this.$emit("flip", drag.flip);
      if (drag.away) return drag.moved || (this.on = null, this.$emit("select", null));
      const { number, corner, edge, moved } = drag;
      if (edge !== undefined) this.$emit("insert", { number, after: Number(edge), point: moved ? to : null });
      else if (!moved) return;
      else if (corner !== undefined) this.$emit("corner", { number, corner: Number(corner), point: to });
      else {
        const [[x, y]] = this.local.points, [[u, v]] = drag.points;
        this.$emit("shift", { number, right: x - u, down: y - v });
      }
      setTimeout(() => { if (!this.drag) this.local = null; }, 1500); // the server's answer comes sooner
    },
    drawn(drag, to, event) {
      if (drag.spans) return this.done(drag.spans);
      const first = this.draft[0];
      const near = first && Math.hypot((first[0] - to[0]) * this.w, (first[1] - to[1]) * this.h) < CLOSE_PX * this.unit;
      if (near && this.draft.length >= 3) return this.done(this.draft);
      if (near || event.detail > 1) return;
      this.draft = [...this.draft, to];
      if (this.tool === "line" && this.draft.length === 2) this.done(this.draft);
    },
    close() { if (this.tool && this.draft.length >= 3) this.done(this.draft); },
    done(points) {
      this.stop();
      this.$emit("add", { points });
    },
    stop() { this.draft = []; this.pointer = null; this.drag = null; this.local = null; },
    key(event) {
      const { place, corner, flip } = event.target.dataset;
      const number = place === undefined ? undefined : Number(place);
      const way = WAYS[event.key], step = event.shiftKey ? LEAP : STEP;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (way && number !== undefined) {
        this.$emit("nudge", { number, corner: corner === undefined ? null : Number(corner), right: way[0] * step, down: way[1] * step });
      } else if (["Delete", "Backspace"].includes(event.key) && number !== undefined) {
        this.refocus = { number, corner: Number(corner ?? 0) };
        if (corner !== undefined) this.$emit("remove_corner", { number, corner: Number(corner) });
        else this.$emit("remove", number);
      } else if (["Insert", "+"].includes(event.key) && corner !== undefined) this.$emit("insert", { number, after: Number(corner), point: null });
      else if (["Enter", " "].includes(event.key) && flip !== undefined) this.$emit("flip", Number(flip));
      else return;
      event.preventDefault();
    },
    undoKey(event) {
      const focus = document.activeElement;
      if (["INPUT", "TEXTAREA"].includes(focus?.tagName) || document.querySelector(".q-dialog")) return;
      if (event.key === "Escape") {
        const busy = this.draft.length || this.drag;
        this.stop();
        if (!busy && this.tool) this.$emit("tool", null);
        else if (!busy) { this.on = null; this.$emit("select", null); }
      } else if (event.key === "Enter" && this.draft.length >= 3) this.done(this.draft);
      else if ((event.ctrlKey || event.metaKey) && event.code === "KeyZ") this.$emit(event.shiftKey ? "redo" : "undo");
      else if ((event.ctrlKey || event.metaKey) && event.code === "KeyY") this.$emit("redo");
      else return;
      event.preventDefault();
    },
  },
};
