// Shows what is inside the page itself: a report or a comparison.
"use strict";
(() => {
  const {html, Report, Comparison} = Paramcount;
  const data = JSON.parse(document.getElementById("data").textContent);
  const page = document.getElementById("page");
  page.replaceChildren();
  preact.render(data.comparison ? html`<${Comparison} ...${data} />` : html`<${Report} report=${data.report} />`, page);
})();
