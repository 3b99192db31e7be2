// The one engine of oneDNN, and a stream for each thread. For the files that know oneDNN only.
#pragma once

#include <dnnl.hpp>

namespace r1 {

inline dnnl::engine& cpu_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}
inline dnnl::stream& cpu_stream() {
  thread_local dnnl::stream stream(cpu_engine());
  return stream;
}

}  // namespace r1
