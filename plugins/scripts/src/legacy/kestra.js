// Hands values, counters and timers to the host: one line of JSON each.
const send = (frame) => console.log("::" + JSON.stringify(frame) + "::");
const metric = (type, name, value, tags) => send({ metrics: [{ name, type, value, tags: tags || {} }] });

class Kestra {
  static outputs(values) {
    send({ outputs: values });
  }

  static counter(name, value, tags) {
    metric("counter", name, value, tags);
  }

  static timer(name, duration, tags) {
    if (typeof duration !== "function") {
      return metric("timer", name, duration, tags);
    }
    const start = Date.now();
    duration(() => metric("timer", name, (Date.now() - start) / 1000, tags));
  }
}

module.exports = Kestra;
