// Package baileys drives Baileys, a WhatsApp Web client in JavaScript that this
// project did not write, so that tests can hold the simulated network and the
// daemon against it. Its version is pinned in package-lock.json.
//
// Only tests import it. It needs node and, at the first run, npm.
package baileys
