#pragma once

#include <array>
#include <cstdint>

#include "../call.h"

namespace ss {

/**
 * A tensor under a kernel's own axes: where element 0 is, and how many bytes lie between neighbours along each
 * axis; 0 along one that the tensor has not got.
 */
template <int kAxes>
struct View {
  char* data = nullptr;
  DType dtype = DType::f32;
  std::array<int64_t, kAxes> steps = {};

  explicit operator bool() const { return data != nullptr; }

  template <class... Index>
  char* At(Index... index) const {
    static_assert(sizeof...(Index) <= kAxes);
    char* at = data;
    int axis = 0;
    ((at += steps[static_cast<size_t>(axis++)] * static_cast<int64_t>(index)), ...);
    return at;
  }
};

/** An axis that the tensor has not got. */
inline constexpr int kNone = -1;

/** `axes[i]` is the tensor's axis that the kernel calls its i-th. */
template <int kAxes>
View<kAxes> ViewOf(const Arg& arg, const std::array<int, kAxes>& axes) {
  View<kAxes> view;
  if (!arg) return view;
  view.data = arg.data;
  view.dtype = arg.dtype;
  for (size_t i = 0; i < kAxes; i++) view.steps[i] = axes[i] == kNone ? 0 : arg.Step(axes[i]);
  return view;
}

/** The same where the kernel's axis `outer` and the one after it are one axis of the tensor, in parts of `part`. */
template <int kAxes>
View<kAxes> SplitViewOf(const Arg& arg, std::array<int, kAxes> axes, int outer, int64_t part) {
  const size_t o = static_cast<size_t>(outer);
  axes[o] = axes[o + 1];
  View<kAxes> view = ViewOf<kAxes>(arg, axes);
  view.steps[o] *= part;
  return view;
}

}  // namespace ss
