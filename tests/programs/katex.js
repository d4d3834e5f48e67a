// Formulas of many kinds, as HTML and as MathML.

const formulas = [
  String.raw`x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}`,
  String.raw`\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}`,
  String.raw`\begin{pmatrix} a & b \\ c & d \end{pmatrix}^{-1} = \frac{1}{ad-bc}\begin{bmatrix} d & -b \\ -c & a \end{bmatrix}`,
  String.raw`f(x) = \begin{cases} x^2 & \text{if } x > 0 \\ \mathrm{sgn}\,x & \text{otherwise} \end{cases}`,
  String.raw`\sum_{i=1}^{n} \prod_{j \neq i} \frac{x - x_j}{x_i - x_j} \tag{1}`,
  String.raw`\overbrace{a + \underbrace{b + c}_{\text{two}}}^{3} \xrightarrow[\alpha]{\beta} \widehat{xyz}`,
  String.raw`\color{#ff0000}{\mathbb{R}}^3 \ni \vec{v} \mapsto \lVert \vec{v} \rVert_2 \in \mathcal{O}\left(\frac{1}{\epsilon}\right)`,
  String.raw`\begin{aligned} \nabla \times \mathbf{E} &= -\frac{\partial \mathbf{B}}{\partial t} \\ \nabla \cdot \mathbf{B} &= 0 \end{aligned}`,
  String.raw`\def\sq#1{#1^2} \sq{a} + \sq{b} = \sq{c}, \quad \mathfrak{A}\mathscr{B}\mathsf{C}\mathtt{D}`,
  String.raw`\binom{n}{k} \equiv \left\lfloor \sqrt[3]{\dfrac{n!}{k!\,(n-k)!}} \right\rfloor \pmod p`,
  String.raw`\boxed{\cancel{x} \colorbox{aqua}{$y$} \large z \Huge w} \lim_{h \to 0^+} \sup \mathop{\mathrm{argmax}}_\theta`,
  String.raw`\text{naïve Ω “quotes” } \& \% \$ \# \_ \{ \} \ce`,
  String.raw`\unknown{x} + \frac{1`,
];

function main() {
  const macros = {};
  const lines = formulas.flatMap((formula) => [
    katex.renderToString(formula, { displayMode: true, throwOnError: false, macros }),
    katex.renderToString(formula, { output: "mathml", throwOnError: false, strict: "ignore" }),
  ]);
  try {
    katex.renderToString(formulas.at(-1));
  } catch (error) {
    lines.push(`${error.name} at ${error.position}: ${error.message}`);
  }
  return [katex.version, ...lines, JSON.stringify(katex.__parse("x^2"))].join("\n");
}
