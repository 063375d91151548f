// The picture with its boxes, and a strip with each face close up. Draws what the server says and tells it what
// hands do: `draw`, `change`, `select`, `label`, `take`, `key`. Coordinates are pixels of the picture.
const EDGES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const SMALLEST_PX = 4; // on the screen: less is a click, not a drag
const CLOSEST_PX = 24; // of the picture: nobody needs to look closer

export default {
  template: `
<div class="mw-editor">
  <div class="mw-stage">
    <svg ref="svg" :class="{ 'mw-loading': !loaded }" :data-sample="sample" :data-loaded="loaded" :viewBox="[view.x, view.y, view.w, view.h].join(' ')" role="img"
         :aria-label="'Picture with ' + annotations.length + ' faces'"
         @pointerdown="down" @pointermove="move" @pointerup="up" @pointercancel="drag = null; draft = null"
         @wheel.prevent="wheel" @contextmenu.prevent @auxclick.prevent>
      <image :href="src" x="0" y="0" :width="width" :height="height" preserveAspectRatio="none" @load="loaded = true"/>
      <g v-for="each in suggested" :key="'s' + each.place" class="mw-suggestion">
        <rect :x="each.box[0]" :y="each.box[1]" :width="each.box[2] - each.box[0]" :height="each.box[3] - each.box[1]" :data-suggested="each.place"><title>{{ each.said }}: click, if it is one</title></rect>
        <text :x="late(each.box) ? each.box[2] : each.box[0]" :text-anchor="late(each.box) ? 'end' : 'start'" :y="each.box[1] > 20 * unit ? each.box[1] - 6 * unit : each.box[3] + 17 * unit" :font-size="14 * unit" :stroke-width="3.5 * unit">a face?</text>
      </g>
      <g v-for="mark in shown" :key="mark.number" :class="['mw-mark', 'mw-' + mark.label, { 'mw-on': mark.number === selected }]">
        <rect class="mw-shade" :x="mark.box[0]" :y="mark.box[1]" :width="mark.box[2] - mark.box[0]" :height="mark.box[3] - mark.box[1]" :data-mark="mark.number"/>
        <text :x="late(mark.box) ? mark.box[2] : mark.box[0]" :text-anchor="late(mark.box) ? 'end' : 'start'" :y="mark.box[1] > 20 * unit ? mark.box[1] - 6 * unit : mark.box[3] + 17 * unit" :font-size="14 * unit" :stroke-width="3.5 * unit">{{ words[mark.label] }}</text>
        <template v-if="mark.number === selected">
          <g v-for="edge in edges" :key="edge">
            <rect class="mw-handle" v-bind="handle(mark.box, edge, 5)"/>
            <rect class="mw-grip" v-bind="handle(mark.box, edge, 9)" :style="{ cursor: edge + '-resize' }" :data-mark="mark.number" :data-edge="edge"/>
          </g>
        </template>
      </g>
      <rect v-if="draft && draft.number === null" class="mw-draft" :x="draft.box[0]" :y="draft.box[1]" :width="draft.box[2] - draft.box[0]" :height="draft.box[3] - draft.box[1]"/>
    </svg>
  </div>
  <ol class="mw-faces" ref="faces">
    <li v-for="mark in annotations" :key="mark.number" :class="['mw-face', 'mw-' + mark.label, { 'mw-on': mark.number === selected }]" @click="$emit('select', { sample, number: mark.number })">
      <svg class="mw-crop" :viewBox="around(mark.box)" aria-hidden="true"><image :href="src" :width="width" :height="height" preserveAspectRatio="none"/></svg>
      <div class="mw-said">
        <p>{{ mark.said }}</p>
        <div class="mw-choices">
          <button v-for="choice in choices" :key="choice.label" type="button" :class="['mw-choice', 'mw-' + choice.label, { 'mw-chosen': choice.label === mark.label }]" :aria-pressed="choice.label === mark.label"
                  @click.stop="$emit('label', { sample, number: mark.number, label: choice.label })"><kbd>{{ choice.key }}</kbd>{{ choice.text }}</button>
        </div>
      </div>
    </li>
    <li v-for="each in suggested" :key="'s' + each.place" class="mw-face mw-perhaps" @click="$emit('take', { sample, place: each.place })">
      <svg class="mw-crop" :viewBox="around(each.box)" aria-hidden="true"><image :href="src" :width="width" :height="height" preserveAspectRatio="none"/></svg>
      <div class="mw-said">
        <p>{{ each.said }}</p>
        <button type="button" class="mw-choice" @click.stop="$emit('take', { sample, place: each.place })"><kbd>f</kbd>it is a face</button>
      </div>
    </li>
    <li v-if="!annotations.length && !suggested.length" class="mw-none">No face is marked. Draw a box around each one with the mouse, or press <kbd>b</kbd>.</li>
  </ol>
</div>`,
  props: {
    sample: String, src: String, width: Number, height: Number, annotations: Array, selected: Number, suggested: Array,
    preload: Array, keys: Array, choices: Array, help: String,
  },
  emits: ["draw", "change", "select", "label", "take", "key"],
  data: () => ({ edges: EDGES, view: { x: 0, y: 0, w: 1, h: 1 }, unit: 1, loaded: false, drag: null, draft: null, ahead: [] }),
  computed: {
    words() {
      return Object.fromEntries(this.choices.map((choice) => [choice.label, choice.text]));
    },
    shown() { // the smaller lie on top, so that they can be reached
      const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
      return this.annotations
        .map((mark) => (this.draft && this.draft.number === mark.number ? { ...mark, box: this.draft.box } : mark))
        .sort((a, b) => area(b.box) - area(a.box));
    },
  },
  watch: {
    src() {
      this.loaded = false;
      this.drag = this.draft = null;
      this.whole();
    },
    annotations() {
      if (!this.drag) this.draft = null;
    },
    selected() {
      this.$nextTick(() => this.$refs.faces?.querySelector(".mw-on")?.scrollIntoView({ block: "nearest", inline: "nearest" }));
    },
    preload: { handler() { this.ahead = this.preload.map((src) => Object.assign(new Image(), { src })); }, immediate: true },
  },
  mounted() {
    this.whole();
    this.sized = new ResizeObserver(() => this.measure());
    this.sized.observe(this.$refs.svg);
    window.addEventListener("keydown", this.key);
  },
  unmounted() {
    this.sized.disconnect();
    window.removeEventListener("keydown", this.key);
  },
  methods: {
    whole() {
      this.view = { x: 0, y: 0, w: this.width, h: this.height };
      this.measure();
    },
    measure() { // pixels of the picture to one of the screen
      const { clientWidth, clientHeight } = this.$refs.svg;
      this.unit = Math.max(this.view.w / (clientWidth || 1), this.view.h / (clientHeight || 1));
    },
    at(event) {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.$refs.svg.getScreenCTM().inverse());
      return [point.x, point.y];
    },
    late(box) { // too far right for its word
      return box[0] + 105 * this.unit > this.view.x + this.view.w;
    },
    handle(box, edge, half) {
      const x = edge.includes("w") ? box[0] : edge.includes("e") ? box[2] : (box[0] + box[2]) / 2;
      const y = edge.includes("n") ? box[1] : edge.includes("s") ? box[3] : (box[1] + box[3]) / 2;
      const r = half * this.unit;
      return { x: x - r, y: y - r, width: 2 * r, height: 2 * r };
    },
    around(box) { // a square with the face and some of what is about it
      const side = 1.5 * Math.max(box[2] - box[0], box[3] - box[1]);
      return [(box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2, side, side].join(" ");
    },
    down(event) {
      const { mark, edge, suggested } = event.target.dataset;
      const pans = event.button === 1 || event.button === 2 || event.shiftKey;
      const number = mark === undefined || event.altKey || pans ? null : Number(mark);
      const box = this.annotations.find((other) => other.number === number)?.box;
      this.$refs.svg.setPointerCapture(event.pointerId);
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      this.drag = { from: this.at(event), x: event.clientX, y: event.clientY, pans, number, edge, box, suggested, moved: false };
      if (number !== null) this.$emit("select", { sample: this.sample, number });
    },
    move(event) {
      const drag = this.drag;
      if (!drag) return;
      drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= SMALLEST_PX;
      if (!drag.moved) return;
      const [x, y] = this.at(event);
      if (drag.pans) this.look(this.view.x + drag.from[0] - x, this.view.y + drag.from[1] - y, this.view.w);
      else this.draft = { number: drag.number, box: this.dragged(drag, x, y) };
    },
    dragged({ from, box, edge }, x, y) {
      if (!box) return [Math.min(from[0], x), Math.min(from[1], y), Math.max(from[0], x), Math.max(from[1], y)];
      const [right, down] = [x - from[0], y - from[1]];
      let [x1, y1, x2, y2] = box;
      if (!edge || edge.includes("w")) x1 += right;
      if (!edge || edge.includes("e")) x2 += right;
      if (!edge || edge.includes("n")) y1 += down;
      if (!edge || edge.includes("s")) y2 += down;
      return [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
    },
    up() {
      const drag = this.drag;
      this.drag = null;
      if (!drag || drag.pans) return;
      if (this.draft && drag.number === null) this.$emit("draw", { sample: this.sample, box: this.draft.box });
      else if (this.draft) this.$emit("change", { sample: this.sample, number: drag.number, box: this.draft.box });
      else if (drag.suggested !== undefined && !drag.moved) this.$emit("take", { sample: this.sample, place: Number(drag.suggested) });
      else if (drag.number === null) this.$emit("select", { sample: this.sample, number: null });
      setTimeout(() => { if (!this.drag) this.draft = null; }, 1000); // the server's answer comes sooner
    },
    wheel(event) {
      const [x, y] = this.at(event);
      this.zoom(Math.exp(event.deltaY * 0.0015), x, y);
    },
    zoom(factor, x, y) {
      const w = Math.min(this.width, Math.max(CLOSEST_PX, this.view.w * factor));
      const share = w / this.view.w;
      this.look(x - (x - this.view.x) * share, y - (y - this.view.y) * share, w);
    },
    look(x, y, w) { // never past the picture's edge
      const h = (w * this.height) / this.width;
      this.view = { x: Math.min(Math.max(0, x), this.width - w), y: Math.min(Math.max(0, y), this.height - h), w, h };
      this.measure();
    },
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      const focus = document.activeElement;
      if (focus?.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(focus?.tagName)) return;
      if (document.querySelector(".q-dialog, .q-menu")) return;
      // where the keyboard writes another script (Hangul, say), the key's place tells which is meant
      const latin = /^[\x20-\x7e]$/.test(event.key) || event.key.length > 1 && event.key !== "Process";
      const key = latin ? event.key : event.code.replace(/^(Key|Digit|Numpad)/, "");
      const name = key.length === 1 ? key.toLowerCase() : key;
      if (name === "Enter" && focus?.tagName === "BUTTON" && !focus.classList.contains("mw-choice")) return;
      const looks = { "+": 1 / 1.4, "=": 1 / 1.4, "-": 1.4 }[name];
      if (looks || name === "0") {
        const box = this.annotations.find((mark) => mark.number === this.selected)?.box;
        if (name === "0") this.whole();
        else if (box) this.zoom(looks, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2);
        else this.zoom(looks, this.view.x + this.view.w / 2, this.view.y + this.view.h / 2);
      } else if (this.keys.includes(name)) {
        if (this.loaded) this.$emit("key", { sample: this.sample, key: name, shift: event.shiftKey });
      } else return;
      event.preventDefault();
    },
  },
};
