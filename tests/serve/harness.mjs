// A few lines of test harness, and a conversation in which a small model calls a tool: it does what was done before.
export const { BASE_URL, CLOSED_URL, MODEL } = process.env;

export const WEATHER = {
  name: "get_weather",
  description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
export const ask = (city) => `What is the weather in ${city}?`;
/** Calls of get_weather that came before: the city, and the id of the call. */
export const EARLIER = ["London", "Oslo", "Rome"].map((city, i) => ({ city, id: `call_${i}` }));
export const SUNNY = "Sunny";
export const ANSWER = "It is sunny.";

/** Runs each function of `tests`, and ends the process: with status 1 where one failed. */
export async function run(tests) {
  let failures = 0;
  for (const [name, test] of Object.entries(tests)) {
    const begin = performance.now();
    try {
      await test();
      console.log(`ok - ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
      ++failures;
      console.log(`not ok - ${name}\n${error.stack}`);
    }
  }
  process.exit(failures ? 1 : 0);
}
