#include "text/template_operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "text/template_print.h"

namespace r1::jinja {
namespace {

constexpr const char* kSigns[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void unsupported(Operator op, const Value& a, const Value& b) {
  if (a.is_undefined()) fail_undefined(a);
  if (b.is_undefined()) fail_undefined(b);
  if (op == Operator::add && a.is_text())
    throw Trouble(fmt::format("can only concatenate str (not \"{}\") to str", type_name(b)));
  if (op == Operator::add && (a.is(Kind::list) || a.is(Kind::tuple)))
    throw Trouble(fmt::format("can only concatenate {} (not \"{}\") to {}", type_name(a), type_name(b), type_name(a)));
  throw Trouble(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", kSigns[static_cast<int>(op)],
                            type_name(a), type_name(b)));
}

[[noreturn]] void overflow() { throw Trouble("a whole number leaves 64 bits"); }

int64_t whole_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (int64_t i = 0; i < exponent; i++)  // at most 63 turns before it leaves 64 bits
    if (__builtin_mul_overflow(result, base, &result)) overflow();
  return result;
}

Value whole_arithmetic(Operator op, int64_t a, int64_t b) {
  int64_t r = 0;
  bool over = false;
  switch (op) {
    case Operator::add:
      over = __builtin_add_overflow(a, b, &r);
      break;
    case Operator::subtract:
      over = __builtin_sub_overflow(a, b, &r);
      break;
    case Operator::multiply:
      over = __builtin_mul_overflow(a, b, &r);
      break;
    case Operator::power:
      r = whole_power(a, b);
      break;
    case Operator::floor_divide:
      if (b == -1)  // INT64_MIN / -1 has no answer
        over = __builtin_sub_overflow(int64_t{0}, a, &r);
      else
        r = a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
      break;
    default:
      r = b == -1 ? 0 : a % b + (a % b != 0 && (a % b < 0) != (b < 0) ? b : 0);
  }
  if (over) overflow();
  return Value::integer(r);
}

double real_arithmetic(Operator op, double a, double b) {
  switch (op) {
    case Operator::add:
      return a + b;
    case Operator::subtract:
      return a - b;
    case Operator::multiply:
      return a * b;
    case Operator::divide:
      return a / b;
    case Operator::floor_divide: {  // as float.__floordiv__: from the remainder, so that both agree
      double mod = std::fmod(a, b), div = (a - mod) / b;
      if (mod != 0 && (b < 0) != (mod < 0)) div -= 1;
      if (div == 0) return std::copysign(0.0, a / b);
      const double floor = std::floor(div);
      return div - floor > 0.5 ? floor + 1 : floor;
    }
    case Operator::modulo: {
      double mod = std::fmod(a, b);
      if (mod == 0) return std::copysign(0.0, b);
      return (b < 0) != (mod < 0) ? mod + b : mod;
    }
    case Operator::power:
      break;
  }
  const double r = std::pow(a, b);
  if (std::isinf(r) && std::isfinite(a) && std::isfinite(b)) throw Trouble("(34, 'Numerical result out of range')");
  if (std::isnan(r) && !std::isnan(a) && !std::isnan(b)) throw Trouble("a power of a negative number is complex");
  return r;
}

Value numbers(Operator op, const Value& a, const Value& b) {
  const bool whole = a.is_whole() && b.is_whole();
  const bool divides = op == Operator::divide || op == Operator::floor_divide || op == Operator::modulo;
  if (divides && b.number() == 0) {
    if (op == Operator::divide || op == Operator::floor_divide || !whole)
      throw Trouble(whole ? op == Operator::divide ? "division by zero" : "integer division or modulo by zero"
                          : "float division by zero");
    throw Trouble("integer modulo by zero");
  }
  if (op == Operator::power && a.number() == 0 && b.number() < 0)
    throw Trouble("0.0 cannot be raised to a negative power");
  if (whole && op == Operator::divide)  // Python divides before it rounds
    return Value::real(static_cast<double>(static_cast<long double>(a.whole()) / static_cast<long double>(b.whole())));
  if (whole && !(op == Operator::power && b.whole() < 0)) return whole_arithmetic(op, a.whole(), b.whole());
  return Value::real(real_arithmetic(op, a.number(), b.number()));
}

Value repeated_list(Runtime& runtime, const Value& list, int64_t times) {
  std::vector<Value> out;
  const auto& items = list.items();
  const uint64_t count = times <= 0 ? 0 : static_cast<uint64_t>(times);
  if (!items.empty() && count > (1u << 30)) throw Trouble("a list is repeated too often");
  runtime.burn(items.size() * count * sizeof(Value));
  for (uint64_t i = 0; i < count && !items.empty(); i++) out.insert(out.end(), items.begin(), items.end());
  return list.is(Kind::list) ? Value::list(std::move(out)) : Value::tuple(std::move(out));
}

Value multiplied(Runtime& runtime, const Value& a, const Value& b) {
  const Value &what = b.is_whole() ? a : b, &times = b.is_whole() ? b : a;
  if (!times.is_whole()) unsupported(Operator::multiply, a, b);
  if (what.is_text()) {
    Text out = repeated(runtime, what.text(), times.whole());
    out.markup = what.text().markup;
    return Value::text(std::move(out));
  }
  if (what.is(Kind::list) || what.is(Kind::tuple)) return repeated_list(runtime, what, times.whole());
  unsupported(Operator::multiply, a, b);
}

Value added(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_text() && b.is_text()) {
    runtime.burn(a.text().weight() + b.text().weight());
    const bool markup = a.text().markup || b.text().markup;
    Text out = markup ? escape_html(runtime, a) : a.text();
    out.append(markup ? escape_html(runtime, b) : b.text());
    out.markup = markup;
    return Value::text(std::move(out));
  }
  if (a.kind() == b.kind() && (a.is(Kind::list) || a.is(Kind::tuple))) {
    std::vector<Value> out = listed(runtime, a), more = listed(runtime, b);
    out.insert(out.end(), more.begin(), more.end());
    return a.is(Kind::list) ? Value::list(std::move(out)) : Value::tuple(std::move(out));
  }
  unsupported(Operator::add, a, b);
}

}  // namespace

Text repeated(Runtime& runtime, const Text& text, int64_t times) {
  Text out;
  if (times <= 0 || text.empty()) return out;
  if (times > INT32_MAX) throw Trouble("a string is repeated too often");
  runtime.burn(static_cast<uint64_t>(times) * text.weight());
  for (int64_t i = 0; i < times; i++) out.append(text);
  return out;
}

Value arithmetic(Runtime& runtime, Operator op, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return numbers(op, a, b);
  if (op == Operator::modulo && a.is_text()) return Value::text(percent_format(runtime, a.text(), b));
  if (op == Operator::add) return added(runtime, a, b);
  if (op == Operator::multiply) return multiplied(runtime, a, b);
  unsupported(op, a, b);
}

Value negated(const Value& v) {
  need_defined(v);
  if (v.is_whole()) {
    if (v.whole() == INT64_MIN) overflow();
    return Value::integer(-v.whole());
  }
  if (!v.is_number()) throw Trouble(fmt::format("bad operand type for unary -: '{}'", type_name(v)));
  return Value::real(-v.number());
}

Value absolute(const Value& v) {
  if (!v.is_number()) {
    need_defined(v);
    throw Trouble(fmt::format("bad operand type for abs(): '{}'", type_name(v)));
  }
  if (v.is(Kind::real)) return Value::real(std::abs(v.number()));
  return v.whole() < 0 ? negated(v) : Value::integer(v.whole());
}

std::vector<size_t> sorted_order(Runtime& runtime, const std::vector<Value>& keys, bool reverse) {
  std::vector<size_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  runtime.burn(keys.size() * 32);
  // equal keys keep their order also in reverse, as in Python
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return reverse ? less(runtime, keys[b], keys[a]) : less(runtime, keys[a], keys[b]);
  });
  return order;
}

Text escape_html(Runtime& runtime, const Value& v) {
  const Text text = print_text(runtime, v);
  if (text.markup) return text;
  runtime.burn(text.bytes().size() * 2);
  Text out;
  size_t from = 0;
  for (size_t at = 0; at < text.bytes().size(); at++) {
    static constexpr std::string_view kSpecial = "&<>'\"";
    static constexpr const char* kEntities[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    const size_t known = kSpecial.find(text.bytes()[at]);
    if (known == std::string_view::npos) continue;
    out.append(text, from, at);
    out.append(kEntities[known], text.origin_at(at));
    from = at + 1;
  }
  out.append(text, from, text.bytes().size());
  out.markup = true;
  return out;
}

}  // namespace r1::jinja
