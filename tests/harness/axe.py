"""What axe-core finds wrong with a page for people who do not see or cannot use a mouse."""

from axe_core_python.base import AXE_SCRIPT

RUN = """
    const done = arguments[arguments.length - 1];
    axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations), e => done(String(e)));
"""
GRAVE = ("serious", "critical")


def grave_faults(person):
    """The serious and critical ones of the page that a `Person` sees: each its rule, and the elements' beginnings."""
    person.run(AXE_SCRIPT)
    person.browser.set_script_timeout(120)
    found = person.browser.execute_async_script(RUN)
    assert isinstance(found, list), found
    return [
        f"{fault['id']}: {node['html'][:160]}: {node['failureSummary'][:300]}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
