"use strict";
(() => {
	const every = 5000, patience = 4000; // ms
	const main = document.querySelector("main");
	const alert = document.getElementById("alert");
	const ours = inline(document);
	let read = new Date();

	function inline(page) {
		return page.querySelector("style").textContent + page.querySelector("script").textContent;
	}

	// become makes a node what it is on the new page. It keeps what stays the same, and so
	// the focus, a selection and the place that somebody reads.
	function become(old, now) {
		if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName || old.id !== now.id) {
			old.replaceWith(now);
		} else if (old.nodeType === Node.ELEMENT_NODE) {
			attributes(old, now);
			const had = [...old.childNodes], has = [...now.childNodes];
			has.forEach((node, i) => i < had.length ? become(had[i], node) : old.append(node));
			had.slice(has.length).forEach(node => node.remove());
		} else if (old.data !== now.data) {
			old.data = now.data;
		}
	}

	function attributes(old, now) {
		for (const { name } of [...old.attributes]) {
			if (!now.hasAttribute(name)) old.removeAttribute(name);
		}
		for (const { name, value } of now.attributes) {
			if (old.getAttribute(name) !== value) old.setAttribute(name, value);
		}
	}

	function stale() {
		if (alert.firstChild) return;
		const says = document.createElement("p");
		says.dataset.state = "stale";
		says.textContent = `No answer since ${read.toISOString().slice(11, 19)} UTC: these numbers are old. It is tried again every ${every / 1000} s.`;
		alert.append(says);
	}

	async function refresh() {
		try {
			const answer = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(patience) });
			if (!answer.ok) throw new Error(answer.statusText);
			const page = new DOMParser().parseFromString(await answer.text(), "text/html");
			if (inline(page) !== ours) return location.reload(); // the daemon is another version now
			for (const { id } of main.querySelectorAll("details[open]")) page.getElementById(id)?.setAttribute("open", "");
			become(main, page.querySelector("main"));
			document.title = page.title;
			read = new Date();
			alert.replaceChildren();
		} catch {
			stale();
		}
		setTimeout(refresh, every);
	}
	setTimeout(refresh, every);
})();
