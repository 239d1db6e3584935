// What changes things: a question before, and the relay's answer after. The browser asks for the
// administrator's login when the relay wants it.

const dialog = document.querySelector("#question");
const find = (selector) => dialog.querySelector(selector);

/** Shows a text, with lines below it, and waits for a button; whether it was `yes`. */
function show(text, { lines = [], yes, no }) {
  find("#question-text").textContent = text;
  find("#question-lines").textContent = lines.join("\n");
  find("#question-lines").hidden = lines.length === 0;
  find(".yes").textContent = yes;
  find(".no").textContent = no ?? "";
  find(".no").hidden = !no;
  dialog.returnValue = "";
  dialog.showModal();
  find(no ? ".no" : ".yes").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/**
 * Asks `question`, if there is one; does `act`; says what the relay answered when it refused, or
 * when `done` makes `{ text, lines }` of the answer; and asks for the state anew.
 */
export async function manage({ question, yes, act, done, refresh }) {
  if (question && !await show(question, { yes, no: "Cancel" })) return;
  try {
    const answer = await act();
    const said = done?.(answer);
    refresh();
    if (said) await show(said.text, { lines: said.lines, yes: "Close" });
  } catch (error) {
    refresh();
    // Of a refused configuration the relay names FILE:LINE for each error.
    await show(`Not done: ${error.message}`, { lines: error.lines, yes: "Close" });
  }
}
