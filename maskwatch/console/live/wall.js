// The cameras, each with its picture and what is known of it. All texts come from the server; see feed.py for what is
// asked and answered. Nothing is asked while the page is hidden, and no picture that is out of sight.
const PATIENCE_MS = 12000; // without an answer: the connection is given up
const LOST_MS = 3000; // without a connection: said so
const AGAIN_MS = [0, 1000, 2000, 5000, 10000];
const PIXELS = 2; // of the screen to one of the page, at most: more are not seen
const MOVES = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

export default {
  template: `
<div ref="root" class="mw-live" :class="{ 'mw-old': view?.away || lost, 'mw-alone': camera }">
  <h1 class="mw-hidden">{{ camera || texts.title }}</h1>
  <p v-if="lost || view?.away" class="mw-notice mw-away" role="alert">{{ lost ? texts.lost : view.away }}</p>
  <ul v-if="view?.strip.length" class="mw-strip" :aria-label="texts.service">
    <li v-for="each in view.strip" :key="each.text" :class="'mw-strip-' + each.kind">
      <a v-if="each.kind === 'queue' && queue" :href="queue">{{ each.text }}</a><template v-else>{{ each.text }}</template>
    </li>
  </ul>
  <p v-if="view && (view.empty || (camera && !shown.length))" class="mw-empty">{{ view.empty ? texts.empty : texts.no_camera }}</p>
  <div ref="wall" class="mw-wall" :style="{ '--columns': columns, '--rows': rows }">
    <article v-for="each in shown" :key="each.name" class="mw-cam" :class="['mw-cam-' + each.state, { 'mw-alerting': each.alerts.length }]" :data-camera="each.name">
      <header>
        <h2><a v-if="!camera" :href="path(each.name)">{{ each.name }}</a><template v-else>{{ each.name }}</template></h2>
        <span class="mw-state">{{ each.state_text }}</span>
        <nav v-if="camera" class="mw-cam-tools">
          <a :href="base" class="mw-tool" :title="texts.back" :aria-label="texts.back"><q-icon name="close"/></a>
          <button type="button" class="mw-tool" :title="texts.full_screen" :aria-label="texts.full_screen" @click="fill"><q-icon name="fullscreen"/></button>
        </nav>
      </header>
      <div class="mw-body">
      <div class="mw-view">
        <div class="mw-stand">
        <canvas v-show="each.picture && each.name in painted" :ref="e => place(each.name, e)" role="img" :aria-label="texts.picture + ' ' + each.name" width="16" height="9"></canvas>
        <p v-if="each.why || each.hides || !(each.name in painted)" class="mw-why" v-show="!each.picture || !(each.name in painted)">{{ each.why || each.hides || texts.waiting }}</p>
        </div>
        <div class="mw-alerts" role="status">
          <p v-for="alert in each.alerts" :key="alert.id" class="mw-alert" :data-alert="alert.id"><strong>{{ alert.title }}</strong> {{ alert.text }}</p>
        </div>
      </div>
      <dl class="mw-facts">
        <div v-for="[name, figure, of] in each.facts" :key="name"><dt>{{ name }}</dt><dd>{{ figure }} <small v-if="of">{{ of }}</small></dd></div>
      </dl>
      </div>
    </article>
  </div>
  <section v-if="!camera && view?.shadow" class="mw-shadow" :aria-label="view.shadow.title">
    <h2>{{ view.shadow.title }}</h2>
    <p v-if="view.shadow.note">{{ view.shadow.note }}</p>
    <div v-if="view.shadow.rows.length" class="mw-shadow-table" tabindex="0" role="group" :aria-label="view.shadow.title">
      <table>
        <thead><tr><th v-for="head in view.shadow.heads" :key="head" scope="col">{{ head }}</th></tr></thead>
        <tbody><tr v-for="row in view.shadow.rows" :key="row[0]"><template v-for="(cell, place) in row"><th v-if="!place" scope="row">{{ cell }}</th><td v-else>{{ cell }}</td></template></tr></tbody>
      </table>
    </div>
  </section>
  <div v-if="camera && today" class="mw-today">
    <p v-if="today.problem" class="mw-notice">{{ today.problem }}</p>
    <section v-for="list in today.lists" :key="list.title">
      <h2><a :href="list.path">{{ list.title }}</a></h2>
      <p v-if="!list.lines.length" class="mw-none">{{ list.none }}</p>
      <ol v-else><li v-for="line in list.lines" :key="line.id"><a :href="list.path + '&event=' + line.id"><time>{{ line.at }}</time> {{ line.text }}</a></li></ol>
    </section>
  </div>
</div>`,
  props: { base: String, camera: String, texts: Object, queue: String },
  data: () => ({ view: null, today: null, lost: false, painted: {}, narrow: false, wide: true }),
  computed: {
    shown() {
      const all = this.view ? this.view.cameras : [];
      return this.camera ? all.filter((each) => each.name === this.camera) : all;
    },
    columns() {
      const count = this.shown.length;
      return this.narrow || count < 2 ? 1 : count < 5 || !this.wide ? 2 : count < 10 ? 3 : 4;
    },
    rows() {
      return Math.max(1, Math.ceil(this.shown.length / this.columns));
    },
  },
  created() {
    this.canvases = {}; // what changes at each frame is none of Vue's business
    this.socket = null;
    this.tries = 0;
    this.heard = 0;
    this.number = -1;
  },
  mounted() {
    this.look = () => (document.hidden ? this.leave() : this.join());
    this.fit = () => {
      this.narrow = window.innerWidth < 700;
      this.wide = window.innerWidth >= 1100;
    };
    this.fit();
    document.addEventListener("visibilitychange", this.look);
    window.addEventListener("resize", this.fit);
    window.addEventListener("keydown", this.key);
    this.beat = setInterval(this.check, 1000);
    this.look();
  },
  unmounted() {
    document.removeEventListener("visibilitychange", this.look);
    window.removeEventListener("resize", this.fit);
    window.removeEventListener("keydown", this.key);
    clearInterval(this.beat);
    this.leave();
  },
  methods: {
    path(name) {
      return this.base + "/" + encodeURIComponent(name);
    },
    place(name, canvas) {
      if (canvas) this.canvases[name] = canvas;
      else delete this.canvases[name];
    },

    join() {
      if (this.socket || document.hidden) return;
      clearTimeout(this.again);
      const socket = new WebSocket(location.origin.replace(/^http/, "ws") + this.base + "/feed");
      socket.binaryType = "arraybuffer";
      socket.onopen = () => this.ask();
      socket.onmessage = (message) => this.take(message.data).then(() => socket === this.socket && this.ask());
      socket.onclose = () => {
        if (socket !== this.socket) return;
        this.socket = null;
        const wait = AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)];
        if (this.tries++) this.admitted();
        this.again = setTimeout(this.join, wait);
      };
      this.socket = socket;
      this.heard = this.heard || performance.now();
      this.asked = performance.now();
    },
    leave() {
      clearTimeout(this.again);
      const socket = this.socket;
      this.socket = null;
      this.heard = 0;
      socket?.close();
    },
    async admitted() {
      // a session may have ended meanwhile: the page then leads to the log-in
      const answer = await fetch(this.base + "/here", { cache: "no-store" }).catch(() => null);
      if (answer && (answer.status === 401 || answer.status === 403)) location.reload();
    },
    check() {
      if (document.hidden || !this.heard) return;
      const now = performance.now();
      if (this.socket && now - Math.max(this.heard, this.asked) > PATIENCE_MS) this.socket.close();
      this.lost = now - this.heard > (this.socket?.readyState === WebSocket.OPEN ? PATIENCE_MS : LOST_MS);
    },

    ask() {
      const cameras = {};
      for (const each of this.shown) {
        const canvas = this.canvases[each.name];
        const box = canvas?.parentElement.getBoundingClientRect();
        if (!each.picture || !box || box.bottom < 0 || box.top > window.innerHeight) continue;
        const width = Math.round(box.width * Math.min(window.devicePixelRatio, PIXELS));
        cameras[each.name] = [width, this.painted[each.name] ?? -1];
      }
      this.asked = performance.now();
      this.socket.send(JSON.stringify({ cameras, seen: this.number, about: this.camera || null }));
    },
    async take(data) {
      this.tries = 0;
      this.heard = performance.now();
      this.lost = false;
      const length = new DataView(data).getUint32(0);
      const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
      this.number = head.seen;
      if (head.view) this.view = head.view;
      if (head.today) this.today = head.today;
      if (head.view) await this.$nextTick(); // the first pictures have a place then
      let at = 4 + length;
      const drawn = [];
      for (const [name, number, size] of head.pictures) {
        drawn.push(this.paint(name, number, new Blob([new Uint8Array(data, at, size)], { type: "image/jpeg" })));
        at += size;
      }
      await Promise.all(drawn);
    },
    async paint(name, number, blob) {
      const bitmap = await createImageBitmap(blob);
      const canvas = this.canvases[name];
      if (canvas) {
        if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
          canvas.width = bitmap.width;
          canvas.height = bitmap.height;
        }
        canvas.getContext("2d").drawImage(bitmap, 0, 0);
        canvas.dataset.number = number;
        this.painted[name] = number;
      }
      bitmap.close();
    },

    key(event) {
      if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, textarea, select, .q-menu")) return;
      if (event.code === "KeyF") this.fill();
      else if (event.key === "Escape" && this.camera && !document.fullscreenElement) location.assign(this.base);
      else if (event.key in MOVES) this.move(...MOVES[event.key]);
      else return;
      event.preventDefault();
    },
    fill() {
      if (document.fullscreenElement) document.exitFullscreen();
      else this.$refs.root.requestFullscreen?.();
    },
    move(right, down) {
      if (this.camera) {
        const names = this.view ? this.view.cameras.map((each) => each.name) : [];
        const next = names[names.indexOf(this.camera) + right + down];
        if (next) location.assign(this.path(next));
        return;
      }
      const links = [...this.$refs.wall.querySelectorAll("h2 a")];
      const now = links.indexOf(document.activeElement);
      links[now < 0 ? 0 : now + right + down * this.columns]?.focus();
    },
  },
};
