"""First frames to choose from: a job that stops after them, and the video of the one that was chosen."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.anyio


def said(result):
    return result.content[0].text


async def painted(client, ask, prompt="similarity=0.3 yaw=60 then similarity=0.8", **others):
    result = await client.call_tool("generate_identity_video", ask(prompt, stop_after="first_frame", **others))
    assert not result.is_error, said(result)
    return result


async def test_a_job_that_stops_after_first_frames_shows_all_of_them_with_their_scores(local, ask):
    async with local.open() as client:
        result = await painted(client, ask)
    job = result.structured_content
    assert (job["status"], job["awaits"], job["result"]) == ("completed", "candidate", None)
    assert [(each["number"], each["attempt"], each["passed"]) for each in job["candidates"]] == [
        (1, 1, False),
        (2, 1, False),
        (3, 2, True),
        (4, 2, True),
    ]
    assert [each["similarity"] for each in job["candidates"]] == pytest.approx([0.3, 0.3, 0.8, 0.8], abs=0.01)
    assert [each["chosen"] for each in job["candidates"]] == [False, False, True, False]
    assert all(Path(each["file"]).is_file() for each in job["candidates"])
    assert f'animate_first_frame(job_id="{job["job_id"]}"' in job["next_step"]
    assert {each["fault"] for each in job["candidates"]} == {"The face is turned 60° away, more than 25°.", None}
    for each in job["candidates"]:
        assert f"{each['number']}. similarity {each['similarity']:.3f}" in said(result)
        assert each["uri"] == f"steadface://jobs/{job['job_id']}/candidates/{each['number']}.jpg"


async def test_the_sheet_of_candidates_comes_with_the_answer_and_lies_in_a_folder_with_them(local, ask):
    async with local.open() as client:
        result = await painted(client, ask)
    assert [block.type for block in result.content] == ["text", "image"]
    folder = Path(result.structured_content["first_frames"]["folder"])
    assert sorted(file.name for file in folder.iterdir()) == [
        "candidate_1.png",
        "candidate_2.png",
        "candidate_3.png",
        "candidate_4.png",
        "contact_sheet.jpg",
    ]


async def test_the_chosen_candidate_becomes_the_first_frame_of_a_video(local, ask):
    async with local.open() as client:
        job = (await painted(client, ask)).structured_content
        result = await client.call_tool("animate_first_frame", {"job_id": job["job_id"], "candidate": 4})
    made = result.structured_content
    assert made["status"] == "completed"
    assert made["parent"] == job["job_id"]
    assert [each["number"] for each in made["candidates"] if each["chosen"]] == [4]
    assert Path(job["candidates"][3]["file"]).parent == Path(job["first_frames"]["folder"])
    assert Path(made["result"]["first_frame"]).read_bytes() == Path(job["candidates"][3]["file"]).read_bytes()
    assert "candidate 4, similarity 0.80" in said(result)


async def test_a_choice_that_did_not_pass_is_made_and_carries_a_warning(local, ask):
    async with local.open() as client:
        job = (await painted(client, ask)).structured_content
        result = await client.call_tool("animate_first_frame", {"job_id": job["job_id"], "candidate": 1})
    assert result.structured_content["result"]["first_frame_passed"] is False
    assert "Candidate 1 was chosen though it did not pass the gate (similarity 0.30)" in said(result)


@pytest.mark.parametrize(
    ("candidate", "sentence"),
    [(5, "has no candidate 5; its first frames are 1 to 4"), (0, "greater than or equal to 1")],
)
async def test_a_candidate_that_there_is_not_is_one_sentence(local, ask, candidate, sentence):
    async with local.open() as client:
        job = (await painted(client, ask)).structured_content
        result = await client.call_tool("animate_first_frame", {"job_id": job["job_id"], "candidate": candidate})
    assert result.is_error
    assert sentence in said(result)


async def test_a_follow_up_on_the_look_paints_new_candidates_and_stops_again(local, ask):
    async with local.open() as client:
        job = (await painted(client, ask)).structured_content
        again = {"job_id": job["job_id"], "instruction": "look similarity=0.7"}
        made = (await client.call_tool("refine_identity_video", again)).structured_content
    assert made["awaits"] == "candidate"
    assert [each["similarity"] for each in made["candidates"]] == pytest.approx([0.7, 0.7], abs=0.01)


async def test_a_follow_up_on_the_motion_keeps_the_candidates(local, ask):
    async with local.open() as client:
        job = (await painted(client, ask)).structured_content
        again = {"job_id": job["job_id"], "instruction": "motion damage=3-9"}
        made = (await client.call_tool("refine_identity_video", again)).structured_content
    old, new = ([Path(each["file"]).read_bytes() for each in each["candidates"]] for each in (job, made))
    assert old == new
    assert made["first_frames"]["temporal_prompt"] == "damage=3-9"


async def test_another_candidate_of_a_finished_video_can_be_tried_and_is_told_as_a_sibling(local, ask):
    async with local.open() as client:
        whole = (await client.call_tool("generate_identity_video", ask("similarity=0.9"))).structured_content
        first, second = [
            (await client.call_tool("animate_first_frame", {"job_id": whole["job_id"], "candidate": number}))
            for number in (1, 2)
        ]
    assert second.structured_content["siblings"] == [first.structured_content["job_id"]]


async def test_a_job_that_failed_at_the_gate_can_still_be_animated(local, ask):
    async with local.open() as client:
        call = ask("similarity=0.2", on_gate_failure="fail")
        failed = (await client.call_tool("generate_identity_video", call)).structured_content
        assert failed["status"] == "failed"
        made = await client.call_tool("animate_first_frame", {"job_id": failed["job_id"], "candidate": 2})
    assert made.structured_content["status"] == "completed"


async def test_a_spatial_prompt_of_the_callers_is_painted_as_it_is_and_once(local, ask):
    call = ask("unused")
    del call["prompt"]
    words = "similarity=0.2, red coat, wide shot"
    async with local.open() as client:
        result = await client.call_tool("generate_first_frame", {**call, "spatial_prompt": words, "candidates": 3})
        job = result.structured_content
        shown = {"job_id": job["job_id"], "candidate": 2, "temporal_prompt": "damage=3-9"}
        made = (await client.call_tool("animate_first_frame", shown)).structured_content
    assert [each["spatial_prompt"] for each in job["candidates"]] == [words] * 3
    assert made["result"]["temporal_prompt"] == "damage=3-9"


async def test_where_no_first_frame_is_painted_a_job_cannot_stop_after_it(alone, ask, monkeypatch):
    monkeypatch.setenv("STEADFACE_FIRST_FRAME", "none")
    async with alone.open() as client:
        result = await client.call_tool("generate_identity_video", ask("similarity=0.9", stop_after="first_frame"))
    assert result.is_error
    assert "paints no first frame" in said(result)


async def test_another_stop_is_refused_in_one_sentence(local, ask):
    async with local.open() as client:
        result = await client.call_tool("generate_identity_video", ask("similarity=0.9", stop_after="video"))
    assert said(result) == "A job cannot stop after 'video', only after first_frame; leave it out for the whole video."


async def test_candidates_are_told_while_the_video_is_made(local, ask):
    async with local.open() as client:
        call = ask("similarity=0.3 yaw=60 then similarity=0.8 video=30", wait_seconds=0)
        job = (await client.call_tool("generate_identity_video", call)).structured_content
        while len(job["candidates"]) < 4:
            job = (await client.call_tool("get_video_job", {"job_id": job["job_id"]})).structured_content
            assert job["status"] in ("queued", "running")
        cancelled = await client.call_tool("cancel_video_job", {"job_id": job["job_id"]})
    assert [each["chosen"] for each in job["candidates"]] == [False, False, True, False]
    assert cancelled.structured_content["status"] == "cancelled"


async def test_the_same_call_again_joins_the_job_and_another_may_be_asked_for(local, ask):
    call = ask("similarity=0.9 video=30", wait_seconds=0)
    async with local.open() as client, local.open() as other:
        first, second = [(await each.call_tool("generate_identity_video", call)) for each in (client, other)]
        third = await client.call_tool("generate_identity_video", {**call, "again": True})
        different = await client.call_tool("generate_identity_video", {**call, "seed": 8})
        ids = [each.structured_content["job_id"] for each in (first, second, third, different)]
        for job_id in set(ids):
            await client.call_tool("cancel_video_job", {"job_id": job_id})
        after = (await client.call_tool("generate_identity_video", call)).structured_content
        await client.call_tool("cancel_video_job", {"job_id": after["job_id"]})
    assert ids[0] == ids[1]
    assert len({*ids, after["job_id"]}) == 4
    assert [each.structured_content["repeated"] for each in (first, second, third)] == [False, True, False]
    assert "This call was made before, and its job goes on; again=true makes another." in said(second)


async def test_a_call_without_a_seed_is_the_same_call_again(local, ask):
    call = ask("similarity=0.9 video=30", wait_seconds=0)
    del call["seed"]
    async with local.open() as client:
        first, second = [(await client.call_tool("generate_identity_video", call)).structured_content for _ in range(2)]
        await client.call_tool("cancel_video_job", {"job_id": first["job_id"]})
    assert first["job_id"] == second["job_id"]


async def test_the_same_follow_up_again_joins_its_job(local, ask):
    async with local.open() as client:
        job = (await client.call_tool("generate_identity_video", ask("similarity=0.9"))).structured_content
        again = {"job_id": job["job_id"], "instruction": "motion video=30", "wait_seconds": 0}
        first, second = [(await client.call_tool("refine_identity_video", again)).structured_content for _ in range(2)]
        await client.call_tool("cancel_video_job", {"job_id": first["job_id"]})
    assert first["job_id"] == second["job_id"]


async def test_a_waiting_job_tells_its_place_and_an_estimate(local, ask):
    async with local.open() as client:
        await client.call_tool("generate_identity_video", ask("similarity=0.9"))
        first = await client.call_tool("generate_identity_video", ask("similarity=0.9 video=30", wait_seconds=0))
        second = await client.call_tool("generate_identity_video", ask("similarity=0.8 video=30", wait_seconds=0))
        for each in (second, first):
            await client.call_tool("cancel_video_job", {"job_id": each.structured_content["job_id"]})
    job = second.structured_content
    assert (job["status"], job["waiting_before"]) == ("queued", 1)
    assert job["estimate_seconds"] is not None
    assert "Waiting for 1 earlier job; done in about" in said(second)


async def test_a_cancelled_job_says_whether_the_device_is_free(local, ask):
    async with local.open() as client:
        made = await client.call_tool("generate_identity_video", ask("similarity=0.9 video=30", wait_seconds=0))
        job = made.structured_content
        while job["stage"] != "animate":
            job = (await client.call_tool("get_video_job", {"job_id": job["job_id"]})).structured_content
        waits = await client.call_tool("generate_identity_video", ask("similarity=0.8", wait_seconds=0))
        never = await client.call_tool("cancel_video_job", {"job_id": waits.structured_content["job_id"]})
        result = await client.call_tool("cancel_video_job", {"job_id": job["job_id"]})
        ended = await client.call_tool("generate_identity_video", ask("similarity=0.9"))
        again = await client.call_tool("cancel_video_job", {"job_id": ended.structured_content["job_id"]})
    assert said(never).endswith("is cancelled. It had not begun.")
    assert said(again).endswith("is completed. It had ended before, and stays as it is.")
    assert ". The device is " in said(result)
    assert ". The device is " in result.structured_content["message"]
