import yaml
text = """
a: &x {n: 1, f: 2.5, d: 2024-01-02, s: "q\\u00e9"}
b: [*x, null, true, ~]
c: |
  two
  lines
"""
data = yaml.safe_load(text)
print(data, yaml.safe_dump(data, sort_keys=False, allow_unicode=True), yaml.__with_libyaml__)
print(list(yaml.load_all("1\n---\n[2]\n", Loader=yaml.CSafeLoader)), yaml.dump({"k": {1, 2}}))
yaml.safe_load("a: [1, 2")
