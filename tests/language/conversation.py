"""What the tests of language models ask."""

SCHEMA = {
    "type": "object",
    "properties": {
        "who": {"enum": ["woman", "man", "person"]},
        "phrases": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[a-z][A-Za-z ,'.-]{1,40}$"},
            "minItems": 1,
            "maxItems": 3,
        },
        "prompt": {"type": "string", "pattern": r"^([ -!#-\[\]-~]{50}){0,3}[ -!#-\[\]-~]{1,50}$"},
        "loosened": {"anyOf": [{"type": "null"}, {"enum": ["framing", "place"]}]},
    },
    "required": ["who", "phrases", "prompt", "loosened"],
    "additionalProperties": False,
}
"""Like a planner's: bounded by patterns, nested above what one repetition may count."""

MESSAGES = [
    {"role": "system", "content": "You split prompts. Answer in JSON."},
    {"role": "user", "content": "A woman walks along the beach."},
]
