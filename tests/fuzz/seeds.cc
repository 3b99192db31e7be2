// Small valid inputs for every target.
#include "corpus.h"
#include "text/bpe_trainer.h"

namespace r1::fuzz {
namespace {

template <typename T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
std::string counted(const std::string& text) { return raw<uint64_t>(text.size()) + text; }
std::string key_text(const std::string& key, const std::string& value) {
  return counted(key) + raw<uint32_t>(8) + counted(value);
}
std::string key_u32(const std::string& key, uint32_t value) { return counted(key) + raw<uint32_t>(4) + raw(value); }
std::string key_texts(const std::string& key, std::initializer_list<const char*> values) {
  std::string out = counted(key) + raw<uint32_t>(9) + raw<uint32_t>(8) + raw<uint64_t>(values.size());
  for (const char* v : values) out += counted(v);
  return out;
}

std::string gguf() {
  std::string out = "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(2) + raw<uint64_t>(11);
  out += key_text("general.architecture", "llama") + key_u32("llama.embedding_length", 32);
  out += key_u32("llama.feed_forward_length", 64) + key_u32("llama.block_count", 1);
  out += key_u32("llama.context_length", 512) + key_u32("llama.attention.head_count", 2);
  out += key_text("tokenizer.ggml.model", "gpt2") + key_text("tokenizer.ggml.pre", "smollm");
  out += key_texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<s>"}) + key_texts("tokenizer.ggml.merges", {"a b"});
  out += counted("tokenizer.ggml.token_type") + raw<uint32_t>(9) + raw<uint32_t>(5) + raw<uint64_t>(4);
  for (uint32_t type : {1u, 1u, 1u, 3u}) out += raw(type);
  out += counted("token_embd.weight") + raw<uint32_t>(2) + raw<uint64_t>(32) + raw<uint64_t>(4) + raw<uint32_t>(0);
  out += raw<uint64_t>(0) + counted("blk.0.attn_q.weight") + raw<uint32_t>(2) + raw<uint64_t>(32) + raw<uint64_t>(8);
  out += raw<uint32_t>(2) + raw<uint64_t>(512);
  out.resize((out.size() + 31) / 32 * 32 + 512 + 8 * 18, '\1');
  return out;
}

// A vector of one block of every quantised type.
std::string gguf_types() {
  const std::pair<uint32_t, std::pair<uint64_t, size_t>> types[] = {
      {2, {32, 18}},    {3, {32, 20}},    {6, {32, 22}},    {7, {32, 24}},    {8, {32, 34}},  {10, {256, 84}},
      {11, {256, 110}}, {12, {256, 144}}, {13, {256, 176}}, {14, {256, 210}}, {20, {32, 18}}, {23, {256, 136}}};
  std::string out = "GGUF" + raw<uint32_t>(3) + raw<uint64_t>(std::size(types)) + raw<uint64_t>(2), data;
  out += key_text("general.architecture", "deepseek2") + key_u32("split.count", 1);
  for (const auto& [type, block] : types) {
    out += counted("t" + std::to_string(type)) + raw<uint32_t>(1) + raw(block.first) + raw(type);
    out += raw<uint64_t>(data.size());
    data.resize((data.size() + block.second + 31) / 32 * 32, '\x5a');
  }
  out.resize((out.size() + 31) / 32 * 32);
  return out + data;
}

std::string safetensors(const std::string& header, size_t data) {
  return raw<uint64_t>(header.size()) + header + std::string(data, '\0');
}

constexpr const char* kTemplates[] = {
    "{% for m in messages %}<|{{ m.role }}|>{{ m['content'] | trim }}{% endfor %}",
    "{%- macro f(a, b=1) -%}{{ a ~ b }}{%- endmacro -%}{{ f(1, b='x') }}{# c #}",
    "{% set ns = namespace(i=0) %}{% for x in range(3) if x is odd %}{% set ns.i = ns.i + x %}{% else %}n{% endfor %}",
    "{% if tools is defined and tools %}{{ tools | tojson(indent=2) }}{% elif not x %}y{% else %}z{% endif %}",
    "{{ messages[1:][0].content.split('<')[-1][::-1] | upper | default('q', true) }}{{ loop }}{{ 2 ** -3 // 1.5e1 }}",
    "{% raw -%} {{ x }} {%- endraw %}{{ [1, 'a', none] + [{'k': true}] }}{{ 'a' in 'abc' }}{{ 'x' * 3 }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join(', ') }}",
    "{% for x in [[1, [2]], [3, []]] recursive %}{{ loop.depth }}{{ loop.cycle('a', 'b') }}{{ loop(x[1]) if x[1] }}"
    "{% endfor %}{{ loop.changed }}",
    "{% macro m(a, b=a) %}{{ caller(varargs, **kwargs) }}{% endmacro %}{% call(x, y=1) m(1, 2, *[3], k=4) %}{{ x }}"
    "{% endcall %}",
    "{% filter upper | replace('A', 'b', 1) %}a{% generation %}g{% endgeneration %}{% endfilter %}{% with a = 1, b = a "
    "%}"
    "{% set c, ns.d = a, b %}{% endwith %}",
    "{% set s | trim | indent(2, true) %} a\n b{% endset %}{{ '%-5s|%+.2f|%x' % (s, 1.5, 255) }}{{ '{0!r:>9}{a[0]:,}'"
    ".format(s, a=[1234]) }}",
    "{% for g in messages | groupby('role', default='x') %}{{ g.grouper }}{{ g.list | length }}{{ loop.revindex }}"
    "{% if loop.last %}{% break %}{% else %}{% continue %}{% endif %}{% endfor %}",
    "{{ [3, 1, 2] | sort(reverse=true) | batch(2, 0) | list }}{{ range(9, 0, -2) | slice(3, 'f') | map('sum') | list }}"
    "{{ {'a': 1} | dictsort | tojson(sort_keys=true, separators=(',', ':')) }}",
    "{{ 'a b-c d' | wordwrap(3) | truncate(5, true, '', 0) | title | center(20) }}{{ '<a b>' | e | striptags | urlize "
    "}}"
    "{{ {'k': '<'} | xmlattr }}{{ 'é' | urlencode }}{{ 2.675 | round(2, 'floor') }}",
    "{{ 1 < 2 <= 3 != 4 not in [5] is true }}{{ 'x'[::-1][-1:] }}{% block b scoped %}{{ self }}{% endblock b %}"
    "{% print 1, cycler(1, 2).next() %}{%- raw %}{{{% endraw -%}",
};

constexpr const char* kAnswers[] = {
    "42\n<think>1</think> \\boxed{\\frac{84}{2}}",
    "\\sqrt{8}\n2\\sqrt2 or 8^{1/2}",
    "x^2+1\n$y = (x+i)(x-i)$",
    "(1,3]\n#### 1 < x \\le 3",
    "\\{1,2\\}\n<answer>x = 1 \\text{ or } x = 2</answer>",
    "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}\n[[1,2],[3,4]]",
    "5\\text{ cm}^2\nThe answer is 0.05\\,\\mathrm{dm}^2.",
    "B\n\\boxed{\\text{(B) } 12!}",
    "\\pm 3\n\\binom{6}{2} \\log_2 8, \\sin^{-1} 30^\\circ, |x|, 9^{9^{9}}, 1.5e-3, 50\\%, 0.\\overline{3}",
};

// A field of bytes of a protocol buffer; fewer than 128 of them.
std::string field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}
std::string sentencepiece() {
  std::string out;
  for (const auto& [piece, type] : {std::pair("<unk>", 2), {"<s>", 3}, {"<0x41>", 6}, {"a", 1}, {"b", 1}, {"ab", 1}}) {
    std::string fields = field(1, piece) + std::string("\x15\0\0\x80\xBF", 5);
    if (type != 1) fields += std::string{'\x18', static_cast<char>(type)};
    out += field(1, fields);
  }
  out += field(2, std::string("\x18\x02\x98\x02\x01\xC0\x02\0\xD0\x02\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 20));
  return out + field(3, field(1, "identity") + std::string("\x18\x01\x20\0", 4));
}

}  // namespace

std::map<std::string, Inputs> make_seeds() {
  std::map<std::string, Inputs> seeds;
  const auto put = [&](const char* target, std::string input) { seeds[target].push_back(std::move(input)); };
  put("safetensors_fuzz", safetensors("{}", 0));
  put("safetensors_fuzz",
      safetensors(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                  R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}}   )",
                  26));
  put("gguf_fuzz", gguf());
  put("gguf_fuzz", gguf_types());
  put("safetensors_fuzz",
      safetensors(R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"BOOL","shape":[0],)"
                  R"("data_offsets":[8,8]},"c":{"dtype":"F64","shape":[2,1],"data_offsets":[8,24]}})",
                  24));
  put("sentencepiece_fuzz", sentencepiece());
  put("adapter_config_fuzz",
      R"({"peft_type":"LORA","base_model_name_or_path":"mini","r":8,"lora_alpha":16,"use_rslora":true,"bias":"none",)"
      R"("target_modules":["q_proj","v_proj"],"rank_pattern":{},"modules_to_save":null,"init_lora_weights":"gaussian"})" +
          std::string(1, '\0') + "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight\n" +
          "base_model.model.model.layers.12.self_attn.q_proj.lora_B.weight");
  for (const bool first : {false, true}) {
    const std::string texts[] = {"the sum of 12 and 30 is 42", "the sum of 1 and 2"};
    r1::BpeTrainerOptions options;
    options.vocabulary_size = 270;
    options.special_tokens = {"<s>"};
    options.added_tokens = {"<think>"};
    options.added_first = first;
    put("tokenizer_fuzz", r1::train_bpe(texts, options) + std::string(1, '\0') + "<s>the sum<think>12");
  }
  put("tokenizer_fuzz",
      R"({"added_tokens":[{"id":3,"content":"<s>","special":true,"lstrip":true,"single_word":true}],)"
      R"("normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"}]},"pre_tokenizer":{"type":"Sequence",)"
      R"("pretokenizers":[{"type":"Split","pattern":{"Regex":"\\s+|\\w+"},"behavior":"MergedWithNext","invert":false},)"
      R"({"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":true,"use_regex":false}]},)"
      R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}],)"
      R"("special_tokens":{"<s>":{"ids":[3]}}},"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":"a",)"
      R"("ignore_merges":true,"vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}})");
  for (const char* text : kAnswers) put("math_answer_fuzz", text);
  for (const char* text : kTemplates) put("chat_template_fuzz", text);
  put("jsonl_fuzz",
      "{\"prompt\":\"1+1\",\"answer\":\"2\"}\n{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}\r\n\n"
      "{\"question\":\"q\",\"answer\":\"#### 3\"}\n{\"input_ids\":[1,2],\"labels\":[-100,2]}\n{\"text\":\"t\"}");
  put("jsonl_fuzz", R"({"chosen":"The sky is blue","rejected":"The sky is green"})"
                    "\n"
                    R"({"prompt":"q","completion":"a","label":true})"
                    "\n"
                    R"({"prompt":"q","completions":["a"],"labels":[false]})"
                    "\n"
                    R"({"conversations":[{"from":"human","value":"q"}],"tools":"[]"})"
                    "\n"
                    R"({"prompt":[{"role":"user","content":"q"}],"reward_model":{"ground_truth":"4"}})");
  put("records_fuzz", std::string(1, '\0') + "a,b\r\n1,\"x, \"\"y\"\"\nz\"\n3\n");
  put("records_fuzz", std::string(1, '\2') + R"({"v":1,"data":[{"a":1},)" + "\n" + R"({"b":["]}\""]}]})");
  put("records_fuzz", std::string(1, '\3') + "\x1F\x8B\x08");
  put("yaml_fuzz",
      "model_name_or_path: a/b\nlearning_rate: 1.0e-06\nlr_scheduler_kwargs:\n  min_lr_rate: 0.1\nreward_funcs:\n"
      "- accuracy\n- format\nreward_weights: [1.0, 0.1]\neval_strategy: no\nnum_generations: 8\nsystem_prompt: |-\n"
      "  a\n  b\ny: &b [1, 0x1F, ~]\nz: {<<: {q: 'it''s'}, w: *b}\nsave_steps: 0.1\n");
  put("tokenizer_fuzz",
      R"({"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":8,"content":"Ab ","rstrip":true}],)"
      R"("normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},{"type":"Strip"},)"
      R"({"type":"StripAccents"},{"type":"Prepend","prepend":"a"},)"
      R"({"type":"Replace","pattern":{"Regex":"b*"},"content":"ab"}]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[)"
      R"({"type":"Punctuation"},{"type":"Digits"},{"type":"FixedLength","length":4},)"
      R"({"type":"Metaspace","replacement":"_","prepend_scheme":"first","split":true}]},)"
      R"("post_processor":{"type":"RobertaProcessing","cls":["<unk>",0],"sep":["a",1]},"decoder":{"type":"Sequence",)"
      R"("decoders":[{"type":"Replace","pattern":{"String":"_"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},)"
      R"({"type":"Strip","content":" ","start":1,"stop":1}]},"model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,)"
      R"("byte_fallback":true,"vocab":{"<unk>":0,"a":1,"b":2,"ab":3,"<0xC3>":4,"<0xA9>":5,"_":6,"_a":7},)"
      R"("merges":["a b","_ a"]}})" +
          std::string(1, '\0') + "a\xC3\xA9 b1 <unk>Ab  ");
  put("tokenizer_fuzz",
      R"j({"normalizer":{"type":"ByteLevel"},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"[^\\S\\n]|(?=b{1,2}+)"},)j"
      R"("behavior":"Contiguous","invert":true},"decoder":{"type":"BPEDecoder","suffix":"</w>"},"model":{"type":"BPE",)"
      R"("continuing_subword_prefix":"##","end_of_word_suffix":"</w>","vocab":{"a":0,"##b":1,"ab":2,"##b</w>":3,)"
      R"("ab</w>":4},"merges":[["a","##b"],["a","##b</w>"]]}})" +
          std::string(1, '\0') + "ab abb b");
  return seeds;
}

}  // namespace r1::fuzz
