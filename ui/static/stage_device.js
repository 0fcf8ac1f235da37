// The one GPU device that all stages of a page share.
//
// It is asked for when the first stage needs it and destroyed when the last one is gone, which
// frees whatever was left on the GPU.

import { ProgramError } from "./program.js";

// Limits that a program may require; the device gets all the adapter has of them.
const LIMITS = [
  "maxBufferSize", "maxStorageBufferBindingSize", "maxUniformBufferBindingSize",
  "maxStorageBuffersPerShaderStage", "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX", "maxComputeWorkgroupSizeY", "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize", "maxComputeWorkgroupsPerDimension",
];
// A GPU that was lost so often is left alone until the page is loaded again.
const LOSSES = 3;

let shared = null; // a promise of {device, name}
let holders = 0;
let losses = 0;
let missing = false; // this browser was asked and has none

export const webGpuIsMissing = () => missing || losses >= LOSSES || !navigator.gpu;

// {device, name, release}; raises a ProgramError where there is no GPU or a limit is too low.
// Whoever got it calls release() once.
export async function acquireDevice(requires = {}) {
  if (webGpuIsMissing()) throw refuse("no WebGPU");
  holders += 1;
  let held = true;
  const release = () => {
    if (!held) return;
    held = false;
    holders -= 1;
    if (holders === 0) drop();
  };
  try {
    shared ??= open();
    const { device, name } = await shared;
    for (const [limit, wanted] of Object.entries(requires)) {
      const has = device.limits[limit];
      if (!(has >= wanted)) throw refuse(`${limit}: ${wanted} > ${has}`);
    }
    return { device, name, release };
  } catch (error) {
    release();
    throw error;
  }
}

const refuse = (message) => new ProgramError([{ line: null, column: null, message }]);

async function open() {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    missing = true;
    throw refuse("no WebGPU adapter");
  }
  const requiredLimits = {};
  for (const limit of LIMITS) {
    if (adapter.limits[limit] !== undefined) requiredLimits[limit] = adapter.limits[limit];
  }
  const device = await adapter.requestDevice({ requiredLimits });
  const mine = shared;
  device.lost.then(({ reason }) => {
    if (shared === mine) shared = null;
    if (reason !== "destroyed") losses += 1;
  });
  const { description, device: model, vendor, architecture } = adapter.info ?? {};
  const name = description || model || [vendor, architecture].filter(Boolean).join(" ");
  return { device, name: name || "GPU" };
}

function drop() {
  const last = shared;
  shared = null;
  last?.then(({ device }) => device.destroy(), () => {});
}
