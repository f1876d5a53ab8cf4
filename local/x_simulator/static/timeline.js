// Sends forms without leaving the page and draws what the server tells. Without it, forms and links work all the same.

const viewer = document.querySelector("[data-viewer]").dataset.viewer;
const status = document.getElementById("say");
const peek = document.querySelector(".peek-text");

function drawn(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function say(text) {
  if (!text) return;
  status.textContent = text;
}

function summarize() {
  const count = document.getElementById("cart")?.dataset.count ?? "0";
  const latest = document.querySelector("#attempts .outcome strong, #attempts .steps li:last-child")?.textContent.trim();
  peek.textContent = `${count} in the cart${latest ? ` · ${latest}` : ""}`;
}

function replace({ target, html, say: words }) {
  const old = document.getElementById(target);
  const fresh = drawn(html);
  if (old) old.replaceWith(fresh);
  else if (target.startsWith("attempt-")) document.getElementById("attempts").prepend(fresh);
  say(words);
  summarize();
}

function isBeingEdited(target) {
  const section = document.getElementById(target);
  return section?.querySelector("details[open] textarea") === document.activeElement && document.activeElement !== null;
}

const stream = new EventSource(`/live?as=${viewer}`);
for (const kind of ["panel", "attempt", "cart"]) {
  stream.addEventListener(kind, (event) => replace(JSON.parse(event.data)));
}
stream.addEventListener("thread", (event) => {
  const change = JSON.parse(event.data);
  if (!isBeingEdited(change.target)) replace(change);
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  if (form.ariaBusy === "true") return;
  const problem = form.querySelector(".problem");
  form.ariaBusy = "true";
  if (problem) problem.textContent = "";
  if (form.closest(".thread")) form.closest(".post").focus({ preventScroll: true });
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch(form.action, { method: "POST", body, headers: { accept: "application/json" } });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    settle(form);
  } catch (error) {
    if (problem) problem.textContent = error.message || "The simulator did not answer.";
  } finally {
    form.ariaBusy = "false";
  }
});

function settle(form) {
  const text = form.querySelector("[data-prefill]");
  if (!text) return;
  form.reset();
  text.value = text.dataset.prefill;
  say("Reply sent.");
}

document.addEventListener("change", (event) => {
  const handle = event.target.dataset.mention;
  if (!handle) return;
  const text = event.target.form.elements.text;
  text.value = event.target.checked ? handle + text.value : text.value.replace(handle, "");
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash === "#live") location.hash = "#closed";
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form?.requestSubmit();
});

summarize();
