#pragma once

#include <string>

namespace ss {

/** The instruction set that dispatch chooses here: `sse4`, `avx2`, `avx3` (AVX-512), or Highway's name of another. */
std::string ChosenIsa();

/**
 * Hides everything beyond an instruction set from dispatch, in the whole process: to test what other machines
 * run. @returns false when there is none of this name
 */
bool LimitIsa(const std::string& name);

}  // namespace ss
