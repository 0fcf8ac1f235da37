"""Asks the Vulkan loader how many devices there are, without wgpu and in a few milliseconds."""

from __future__ import annotations

import ctypes
import struct


def device_count() -> int:
    """Return the number of Vulkan devices; 0 where there is no loader or no driver.

    Source of the layout: vulkan_core.h, VkInstanceCreateInfo (structure type 1).
    """
    try:
        loader = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return 0
    info = ctypes.create_string_buffer(struct.pack("@iPIPIPIP", 1, 0, 0, 0, 0, 0, 0, 0), 64)
    instance = ctypes.c_void_p()
    if loader.vkCreateInstance(info, None, ctypes.byref(instance)) != 0:
        return 0
    count = ctypes.c_uint32()
    result = loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    loader.vkDestroyInstance(instance, None)
    return int(count.value) if result == 0 else 0


if __name__ == "__main__":
    print(device_count())
