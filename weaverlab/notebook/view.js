// Paints the drawing of a DrawingView (see weaverlab/observe/drawing.py) as SVG nodes. No library, no network.
// It decides nothing: each mark says all about itself. A new kind of mark needs a line in KINDS, in
// weaverlab/observe/svg.py and in weaverlab/pictures/png.py; a test compares the three.

const SVG = "http://www.w3.org/2000/svg";
const FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif";

// kind -> [element, its geometry as attributes]
const KINDS = {
  rect: (m) => ["rect", { x: m.x, y: m.y, width: m.width, height: m.height, rx: m.radius }],
  circle: (m) => ["circle", { cx: m.x, cy: m.y, r: m.radius }],
  line: (m) => ["line", { x1: m.x1, y1: m.y1, x2: m.x2, y2: m.y2 }],
  path: (m) => ["path", { d: m.commands.flat().join(" "), "stroke-linejoin": "round" }],
  text: (m) => ["text", { x: m.x, y: m.y, "font-size": m.size, "text-anchor": m.anchor,
                          "font-weight": m.bold ? "bold" : "normal" }],
};

function element(name, attributes, content) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (content) node.textContent = content;
  return node;
}

function markNode(mark) {
  const [name, geometry] = KINDS[mark.kind](mark);
  const node = element(name, { ...geometry, fill: mark.fill, stroke: mark.stroke, "stroke-width": mark.stroke_width,
                               "stroke-dasharray": mark.dash.join(" ") || "none", opacity: mark.opacity }, mark.text);
  if (mark.hover) node.append(element("title", {}, mark.hover));
  return node;
}

function svgNode(drawing) {
  const { width, height, title, marks } = drawing;
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width: "100%", "font-family": FONTS, role: "img",
                               "aria-label": title });
  svg.append(...marks.map(markNode));
  return svg;
}

function render({ model, el }) {
  const frame = document.createElement("div");
  frame.dataset.testid = "weaverlab-view";
  frame.style.cssText = "background:#fff;overflow:auto;resize:horizontal;max-width:100%;border-radius:4px;";
  let revision = 0; // counts paintings, so that one can see from outside that the view is alive

  const paint = () => {
    const drawing = model.get("drawing");
    if (!drawing || !drawing.marks) return;
    if (!revision || frame.dataset.wide !== String(drawing.width)) frame.style.width = `${drawing.width}px`;
    frame.dataset.wide = drawing.width;
    frame.replaceChildren(svgNode(drawing));
    frame.dataset.revision = ++revision;
  };
  const showLiveness = () => { frame.dataset.live = model.get("is_live"); };

  paint();
  showLiveness();
  model.on("change:drawing", paint);
  model.on("change:is_live", showLiveness);
  el.append(frame);
  return () => {
    model.off("change:drawing", paint);
    model.off("change:is_live", showLiveness);
  };
}

export { KINDS };
export default { render };
