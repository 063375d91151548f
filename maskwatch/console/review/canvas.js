// The picture with its boxes, and a strip with each face close up. Draws what the server says and tells it what
// hands do: `draw`, `change`, `select`, `label`, `take`, `key`. Coordinates are pixels of the picture.
const EDGES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const SMALLEST_PX = 4; // on the screen: less is a click, not a drag
const CLOSEST_PX = 24; // of the picture: nobody needs to look closer
const TEXT_PX = 14;
const NEAR_PX = { touch: 24, mouse: 6 }; // so far beside a box is still meant for it
const SMALL_PX = 44; // on the screen: of a smaller box its grips lie outside, and who picks it comes closer
const ASK_PX = { wide: [194, 140], narrow: [224, 178] }; // what asks for a box's label, with room for its borders

export default {
  template: `
<div class="mw-editor">
  <div class="mw-stage" ref="stage">
    <svg ref="svg" :class="{ 'mw-loading': !loaded }" :data-sample="sample" :data-loaded="loaded" :viewBox="[view.x, view.y, view.w, view.h].join(' ')" role="img"
         :aria-label="words.canvas.replace('{count}', annotations.length)"
         @pointerdown="down" @pointermove="move" @pointerup="up" @pointercancel="cancel"
         @wheel.prevent="wheel" @contextmenu.prevent @auxclick.prevent>
      <image :href="src" x="0" y="0" :width="width" :height="height" preserveAspectRatio="none" @load="loaded = true"/>
      <g v-for="each in suggested" :key="'s' + each.place" class="mw-suggestion">
        <rect v-bind="rectangle(each.box)" :data-suggested="each.place"><title>{{ each.said }}: {{ words.click_if }}</title></rect>
      </g>
      <g v-for="mark in shown" :key="mark.number" :class="['mw-mark', 'mw-' + mark.label, { 'mw-on': mark.number === selected }]">
        <rect class="mw-shade" v-bind="rectangle(mark.box)" :data-mark="mark.number"/>
        <template v-if="mark.number === selected">
          <g v-for="edge in edgesOf(mark.box)" :key="edge">
            <rect class="mw-handle" v-bind="handle(mark.box, edge, 5)"/>
            <rect class="mw-grip" v-bind="handle(mark.box, edge, touched ? 18 : 9)" :style="{ cursor: edge + '-resize' }" :data-mark="mark.number" :data-edge="edge"/>
          </g>
        </template>
      </g>
      <text v-for="each in written" :key="each.key" :class="['mw-word', 'mw-' + each.label]" :x="each.x" :y="each.y" :font-size="textPx * unit" :stroke-width="3.5 * unit">{{ each.text }}</text>
      <rect v-if="draft && draft.number === null" class="mw-draft" v-bind="rectangle(draft.box)"/>
    </svg>
    <div v-if="asked" class="mw-ask" role="group" :aria-label="words.which" :style="asked.style">
      <p>{{ words.which }}</p>
      <button v-for="choice in choices" :key="choice.label" type="button" :class="['mw-choice', 'mw-' + choice.label]"
              @click.stop="$emit('label', { sample, number: asked.number, label: choice.label })"><kbd>{{ choice.key }}</kbd>{{ choice.text }}</button>
    </div>
  </div>
  <ol class="mw-faces" ref="faces">
    <li v-for="mark in annotations" :key="mark.number" :class="['mw-face', 'mw-' + mark.label, { 'mw-on': mark.number === selected }]" @click="pick(mark)">
      <svg class="mw-crop" :viewBox="around(mark.box)" aria-hidden="true"><image :href="src" :width="width" :height="height" preserveAspectRatio="none"/></svg>
      <div class="mw-said">
        <p>{{ mark.label === 'unlabelled' ? words.which : mark.said }}</p>
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
        <button type="button" class="mw-choice" @click.stop="$emit('take', { sample, place: each.place })"><kbd>f</kbd>{{ words.is_face }}</button>
      </div>
    </li>
    <li v-if="!annotations.length && !suggested.length" class="mw-none">{{ words.none_marked }}</li>
  </ol>
</div>`,
  props: {
    sample: String, src: String, width: Number, height: Number, annotations: Array, selected: Number, suggested: Array,
    preload: Array, keys: Array, controls: Array, choices: Array, words: Object,
  },
  emits: ["draw", "change", "select", "label", "take", "key"],
  data: () => ({
    view: { x: 0, y: 0, w: 1, h: 1 }, stage: { w: 1, h: 1 }, unit: 1, textPx: TEXT_PX, touched: false, narrow: false,
    loaded: false, drag: null, draft: null, ahead: [],
  }),
  computed: {
    names() {
      const names = Object.fromEntries(this.choices.map((choice) => [choice.label, choice.text]));
      return { ...names, unlabelled: this.words.unlabelled };
    },
    shown() { // the smaller lie on top, so that they can be reached
      const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
      return this.annotations
        .map((mark) => (this.draft && this.draft.number === mark.number ? { ...mark, box: this.draft.box } : mark))
        .sort((a, b) => area(b.box) - area(a.box));
    },
    written() { // the words beside the boxes: none lies on another; where there is no room, a key, or nothing
      const marks = this.shown.map((mark) => ({
        key: mark.number, label: mark.label, box: mark.box, first: mark.number === this.selected,
        texts: [this.names[mark.label], this.choices.find((choice) => choice.label === mark.label)?.key ?? "?"],
      }));
      const perhaps = this.suggested.map((each) => ({ key: "s" + each.place, label: "suggested", box: each.box, texts: [this.words.a_face, "?"] }));
      const all = [...marks.filter((each) => each.first), ...marks.filter((each) => !each.first), ...perhaps];
      const taken = [], boxes = all.map((each) => each.box);
      const placed = [];
      for (const each of all) {
        const place = this.placeFor(each, taken, boxes);
        if (!place) continue;
        taken.push(place.room);
        placed.push({ key: each.key, label: each.label, ...place });
      }
      return placed;
    },
    asked() { // a box without a label asks for one, where it stands
      const mark = this.drag ? null : this.shown.find((each) => each.number === this.selected && each.label === "unlabelled");
      if (!mark) return null;
      const [left, , right, bottom] = this.onScreen(mark.box), top = this.onScreen(mark.box)[1];
      const [w, h] = ASK_PX[this.narrow ? "narrow" : "wide"];
      const below = bottom + 10 + h <= this.stage.h, beside = right + 10 + w <= this.stage.w;
      const x = below || top - 10 - h >= 0 ? left : beside ? right + 10 : left - 10 - w;
      const y = below ? bottom + 10 : top - 10 - h >= 0 ? top - 10 - h : top;
      const clamp = (value, most) => Math.max(4, Math.min(value, most - 4));
      return { number: mark.number, style: { left: clamp(x, this.stage.w - w) + "px", top: clamp(y, this.stage.h - h) + "px" } };
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
      this.$nextTick(() => { // where the list scrolls by itself, and not the page with the picture in it
        const list = this.$refs.faces;
        if (list && list.scrollHeight > list.clientHeight && getComputedStyle(list).overflowY === "auto")
          list.querySelector(".mw-on")?.scrollIntoView({ block: "nearest", inline: "nearest" });
      });
    },
    preload: { handler() { this.ahead = this.preload.map((src) => Object.assign(new Image(), { src })); }, immediate: true },
  },
  created() {
    this.fingers = new Map(); // where each is on the screen
    this.pinch = null;
    this.pen = document.createElement("canvas").getContext("2d");
  },
  mounted() {
    this.touched = window.matchMedia("(pointer: coarse)").matches;
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
      this.narrow = window.matchMedia("(pointer: coarse), (max-width: 800px)").matches; // as the style sheet has it
      this.stage = { w: clientWidth, h: clientHeight };
      this.unit = Math.max(this.view.w / (clientWidth || 1), this.view.h / (clientHeight || 1));
    },
    at(event) {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.$refs.svg.getScreenCTM().inverse());
      return [point.x, point.y];
    },
    onScreen(box) { // in pixels of the stage; the picture stands in its middle
      const [left, top] = [(this.stage.w - this.view.w / this.unit) / 2, (this.stage.h - this.view.h / this.unit) / 2];
      const [x, y] = [(v) => left + (v - this.view.x) / this.unit, (v) => top + (v - this.view.y) / this.unit];
      return [x(box[0]), y(box[1]), x(box[2]), y(box[3])];
    },
    rectangle(box) {
      return { x: box[0], y: box[1], width: box[2] - box[0], height: box[3] - box[1] };
    },
    placeFor({ box, texts }, taken, boxes) {
      const u = this.unit, high = (this.textPx + 3) * u, { x, y, w, h } = this.view;
      this.pen.font = `600 ${this.textPx}px ${getComputedStyle(document.body).fontFamily}`;
      const meets = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
      for (const text of texts) {
        const wide = (this.pen.measureText(text).width + 4) * u;
        const spots = [
          [box[0], box[1] - 3 * u - high], [box[2] - wide, box[1] - 3 * u - high], // above, from the left or the right
          [box[0], box[3] + 3 * u], [box[2] - wide, box[3] + 3 * u], // below
          [box[2] + 4 * u, box[1]], [box[0] - wide - 4 * u, box[1]], // beside
          [box[2] + 4 * u, box[3] - high], [box[0] - wide - 4 * u, box[3] - high],
          [box[0] + 3 * u, box[1] + 2 * u], // inside
        ];
        const rooms = spots.map(([left, top]) => [left, top, left + wide, top + high])
          .filter((room) => room[0] >= x && room[1] >= y && room[2] <= x + w && room[3] <= y + h)
          .filter((room) => !taken.some((other) => meets(room, other)));
        const covers = (room) => boxes.filter((other) => other !== box && meets(room, other)).length;
        const room = rooms.sort((a, b) => covers(a) - covers(b))[0];
        if (room) return { text, x: room[0], y: room[3] - 4 * u, room };
      }
      return null;
    },
    isSmall(box) {
      return Math.min(box[2] - box[0], box[3] - box[1]) < SMALL_PX * this.unit;
    },
    edgesOf(box) {
      return this.isSmall(box) ? ["nw", "ne", "se", "sw"] : EDGES;
    },
    handle(box, edge, half) { // outside of a small box, so that it can be moved still
      const r = half * this.unit, out = this.isSmall(box) ? (this.touched ? 14 : 6) * this.unit : 0;
      const x = edge.includes("w") ? box[0] - out : edge.includes("e") ? box[2] + out : (box[0] + box[2]) / 2;
      const y = edge.includes("n") ? box[1] - out : edge.includes("s") ? box[3] + out : (box[1] + box[3]) / 2;
      return { x: x - r, y: y - r, width: 2 * r, height: 2 * r };
    },
    around(box) { // a square with the face and some of what is about it
      const side = 1.5 * Math.max(box[2] - box[0], box[3] - box[1]);
      return [(box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2, side, side].join(" ");
    },
    pick(mark) { // in the list; of a small one the picture comes closer
      this.$emit("select", { sample: this.sample, number: mark.number });
      if (!this.isSmall(mark.box)) return;
      const side = Math.max(mark.box[2] - mark.box[0], ((mark.box[3] - mark.box[1]) * this.width) / this.height);
      const w = Math.min(this.width, Math.max(CLOSEST_PX, 5 * side));
      this.look((mark.box[0] + mark.box[2] - w) / 2, (mark.box[1] + mark.box[3] - (w * this.height) / this.width) / 2, w);
    },
    nearest(event) { // the box that a finger meant
      const [x, y] = this.at(event), near = (NEAR_PX[event.pointerType] ?? NEAR_PX.mouse) * this.unit;
      const away = (box) => Math.hypot(Math.max(box[0] - x, 0, x - box[2]), Math.max(box[1] - y, 0, y - box[3]));
      const found = [
        ...this.shown.map((mark) => ({ away: away(mark.box), number: mark.number })),
        ...this.suggested.map((each) => ({ away: away(each.box), place: each.place })),
      ].filter((each) => each.away <= near);
      return found.sort((a, b) => a.away - b.away)[0];
    },
    down(event) {
      this.touched = event.pointerType === "touch";
      if (this.touched) {
        this.fingers.set(event.pointerId, event);
        if (this.fingers.size > 1) {
          this.drag = this.draft = null;
          if (this.fingers.size === 2) this.pinched();
          return;
        }
      }
      const { mark, edge, suggested } = event.target.dataset;
      const pans = event.button === 1 || event.button === 2 || event.shiftKey;
      const number = mark === undefined || event.altKey || pans ? null : Number(mark);
      const box = this.annotations.find((other) => other.number === number)?.box;
      this.$refs.svg.setPointerCapture(event.pointerId);
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      this.drag = { from: this.at(event), x: event.clientX, y: event.clientY, pans, number, edge, box, suggested, moved: false };
      if (number !== null) this.$emit("select", { sample: this.sample, number });
    },
    pinched() { // what is between two fingers stays between them
      const [a, b] = [...this.fingers.values()];
      const middle = { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
      this.pinch = { apart: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1, at: this.at(middle), w: this.view.w };
    },
    pinching() {
      const [a, b] = [...this.fingers.values()];
      const apart = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1;
      const w = Math.min(this.width, Math.max(CLOSEST_PX, (this.pinch.w * this.pinch.apart) / apart));
      const [x, y] = this.at({ clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
      const share = w / this.view.w;
      this.look(this.pinch.at[0] - (x - this.view.x) * share, this.pinch.at[1] - (y - this.view.y) * share, w);
    },
    move(event) {
      if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, event);
      if (this.pinch && this.fingers.size === 2) return this.pinching();
      const drag = this.drag;
      if (!drag) return;
      drag.moved ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= (this.touched ? 2 : 1) * SMALLEST_PX;
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
    cancel(event) {
      this.fingers.delete(event.pointerId);
      if (!this.fingers.size) this.pinch = null;
      this.drag = this.draft = null;
    },
    up(event) {
      this.fingers.delete(event.pointerId);
      if (this.pinch) { // the finger that is left draws nothing
        if (!this.fingers.size) this.pinch = null;
        return;
      }
      const drag = this.drag;
      this.drag = null;
      if (!drag || drag.pans) return;
      if (this.draft && drag.number === null) this.$emit("draw", { sample: this.sample, box: this.draft.box });
      else if (this.draft) this.$emit("change", { sample: this.sample, number: drag.number, box: this.draft.box });
      else if (drag.suggested !== undefined && !drag.moved) this.$emit("take", { sample: this.sample, place: Number(drag.suggested) });
      else if (drag.number === null) this.tapped(event);
      setTimeout(() => { if (!this.drag) this.draft = null; }, 1000); // the server's answer comes sooner
    },
    tapped(event) {
      const near = this.nearest(event);
      if (near?.place !== undefined) this.$emit("take", { sample: this.sample, place: near.place });
      else this.$emit("select", { sample: this.sample, number: near?.number ?? null });
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
      const control = event.ctrlKey || event.metaKey;
      if (event.altKey || event.isComposing) return;
      const focus = document.activeElement;
      if (focus?.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(focus?.tagName)) return;
      if (document.querySelector(".q-dialog, .q-menu")) return;
      // where the keyboard writes another script (Hangul, say), the key's place tells which is meant
      const latin = /^[\x20-\x7e]$/.test(event.key) || event.key.length > 1 && event.key !== "Process";
      const key = latin ? event.key : event.code.replace(/^(Key|Digit|Numpad)/, "");
      const name = key.length === 1 ? key.toLowerCase() : key;
      if (name === "Enter" && focus?.tagName === "BUTTON" && !focus.classList.contains("mw-choice")) return;
      const looks = control ? undefined : { "+": 1 / 1.4, "=": 1 / 1.4, "-": 1.4 }[name];
      if (looks || (name === "0" && !control)) {
        const box = this.annotations.find((mark) => mark.number === this.selected)?.box;
        if (name === "0") this.whole();
        else if (box) this.zoom(looks, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2);
        else this.zoom(looks, this.view.x + this.view.w / 2, this.view.y + this.view.h / 2);
      } else if ((control ? this.controls : this.keys).includes(name)) {
        if (this.loaded) this.$emit("key", { sample: this.sample, key: name, shift: event.shiftKey, control });
      } else return;
      event.preventDefault();
    },
  },
};
